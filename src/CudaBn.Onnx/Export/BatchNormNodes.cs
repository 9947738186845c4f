using CudaBn.Onnx.Format;

namespace CudaBn.Onnx.Export;

/// <summary>Batch normalization with running statistics as nodes.</summary>
internal static class BatchNormNodes
{
    public static string Add(GraphBuilder builder, BatchNorm batchNorm, string path, string input, Shape shape)
    {
        if (!batchNorm.TracksRunningStatistics)
            throw new ArgumentException(
                $"{batchNorm.Label} keeps no running statistics, and ONNX normalizes with those: train it with "
                + "trackRunningStatistics.");
        AddOptions(builder.Options, batchNorm, path);
        // ONNX has channels second.
        var isMoved = batchNorm.ChannelsLast && shape.Rank > 2;
        if (isMoved)
            input = builder.Add(
                "Transpose", $"{path}/ChannelsFirst", [input],
                AttributeProto.Of("perm", [0, shape.Rank - 1, .. Enumerable.Range(1, shape.Rank - 2)]));
        string[] inputs =
        [
            input, Scale(builder, batchNorm, path), Shift(builder, batchNorm, path),
            builder.AddWeight(StateName(batchNorm, "running_mean"), batchNorm.RunningMean!),
            builder.AddWeight(StateName(batchNorm, "running_var"), batchNorm.RunningVariance!),
        ];
        var output = builder.Add(
            "BatchNormalization", path, inputs,
            AttributeProto.Of("epsilon", (float)batchNorm.Epsilon),
            AttributeProto.Of("momentum", (float)OnnxNumber.OneMinus(batchNorm.Momentum ?? 0.1)));
        return isMoved
            ? builder.Add(
                "Transpose", $"{path}/ChannelsLast", [output],
                AttributeProto.Of("perm", [0, .. Enumerable.Range(2, shape.Rank - 2), 1]))
            : output;
    }

    // Whatever gamma holds where it is fixed, it counts as 1.
    private static string Scale(GraphBuilder builder, BatchNorm batchNorm, string path) =>
        batchNorm.GammaValue is { } gamma
            ? builder.AddWeight(batchNorm.Gamma!.Name, gamma)
            : builder.AddConstant(batchNorm.Gamma?.Name ?? $"{path}/ones", Constant(batchNorm, 1), batchNorm.Channels);

    private static string Shift(GraphBuilder builder, BatchNorm batchNorm, string path) =>
        batchNorm.Beta is { } beta
            ? builder.AddWeight(beta.Name, beta.Value)
            : builder.AddConstant($"{path}/zeros", Constant(batchNorm, 0), batchNorm.Channels);

    private static double[] Constant(BatchNorm batchNorm, double value)
    {
        var values = new double[batchNorm.Channels];
        Array.Fill(values, value);
        return values;
    }

    private static string StateName(BatchNorm batchNorm, string tensor) =>
        batchNorm.State.Select(state => state.Name).Single(
            name => name == tensor || name.EndsWith($".{tensor}", StringComparison.Ordinal));

    private static void AddOptions(LayerOptions options, BatchNorm batchNorm, string path)
    {
        if (!OnnxNumber.IsKept(batchNorm.Epsilon))
            options.Set(path, BatchNormOptions.Epsilon, batchNorm.Epsilon);
        if (batchNorm.Momentum is not { } momentum)
            options.Set(path, BatchNormOptions.Cumulative);
        else if (!OnnxNumber.OneMinus(OnnxNumber.Written((float)OnnxNumber.OneMinus(momentum))).Equals(momentum))
            options.Set(path, BatchNormOptions.Momentum, momentum);
        if (!batchNorm.IsAffine)
            options.Set(path, BatchNormOptions.NotAffine);
        if (batchNorm.FixesGamma)
            options.Set(path, BatchNormOptions.FixedGamma);
        if (!batchNorm.UnbiasedRunningVariance)
            options.Set(path, BatchNormOptions.BiasedVariance);
        if (batchNorm.VirtualBatchSize is { } size)
            options.Set(path, BatchNormOptions.VirtualBatchSize, size);
        if (batchNorm.ChannelsLast)
            options.Set(path, BatchNormOptions.ChannelsLast);
        if (batchNorm.BatchesTracked!.ToArray<long>()[0] is > 0 and var batches)
            options.Set(path, BatchNormOptions.BatchesTracked, batches);
    }
}
