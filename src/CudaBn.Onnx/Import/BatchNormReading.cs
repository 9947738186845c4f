using System.Runtime.InteropServices;

namespace CudaBn.Onnx.Import;

/// <summary>Batch normalizations out of nodes.</summary>
internal static class BatchNormReading
{
    public static ImportedLayer Read(NodeCall call, bool channelsLast)
    {
        call.RequireComputedFirst();
        var attributes = call.Attributes;
        attributes.RequireInt("training_mode", 0);
        // Of opsets 7 and 8, where 0 normalized every place of space by itself.
        attributes.RequireInt("spatial", 1);
        var channels = call.Reals(1).Count;
        var options = (path: call.OwnPath, of: call.Graph.Options);
        var writtenEpsilon = OnnxNumber.Written(attributes.Float("epsilon", 1e-5f));
        var momentumOfTheOld = OnnxNumber.Written(attributes.Float("momentum", 0.9f));
        var epsilon = Number(BatchNormOptions.Epsilon) ?? writtenEpsilon;
        var momentum = Has(BatchNormOptions.Cumulative)
            ? (double?)null
            : Number(BatchNormOptions.Momentum) ?? OnnxNumber.OneMinus(momentumOfTheOld);
        var (isAffine, fixesGamma) = (!Has(BatchNormOptions.NotAffine), Has(BatchNormOptions.FixedGamma));
        var virtualBatch = options.of.WholeNumber(options.path, BatchNormOptions.VirtualBatchSize);
        if (virtualBatch > int.MaxValue)
            throw call.Fault($"virtual batches of 32 bits, found {virtualBatch}");

        ReadOnlyMemory<byte> scale = call.Elements(1, channels), shift = call.Elements(2, channels);
        List<(string, ReadOnlyMemory<byte>)> weights =
        [
            ("running_mean", call.Elements(3, channels)), ("running_var", call.Elements(4, channels)),
        ];
        if (isAffine)
            weights.AddRange([("weight", scale), ("bias", shift)]);
        if (options.of.WholeNumber(options.path, BatchNormOptions.BatchesTracked) is { } batches)
            weights.Add(("num_batches_tracked", MemoryMarshal.AsBytes<long>(new[] { batches }).ToArray()));
        return call.Layer(
            () => new BatchNorm(
                channels, epsilon, momentum, isAffine, unbiasedRunningVariance: !Has(BatchNormOptions.BiasedVariance),
                channelsLast: channelsLast || Has(BatchNormOptions.ChannelsLast), virtualBatchSize: (int?)virtualBatch,
                fixGamma: fixesGamma),
            weights);

        bool Has(string option) => options.of.Has(options.path, option);

        double? Number(string option) => options.of.Number(options.path, option);
    }
}
