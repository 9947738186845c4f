namespace CudaBn.Onnx.Export;

/// <summary>What images are normalized with, in front of a network.</summary>
internal static class NormalizationNodes
{
    public const string Name = "normalization";

    public static string Add(GraphBuilder builder, Normalization normalization, string input, Shape shape)
    {
        var channels = normalization.Means.Count;
        if (shape.Rank < 3 || shape[1] != channels)
            throw new ArgumentException(
                $"The normalization is for images [N, {channels}, ...]; the model's input is {shape}.");
        int[] perChannel = [1, channels, .. Enumerable.Repeat(1, shape.Rank - 2)];
        var centred = builder.Add(
            "Sub", Name, [input, builder.AddConstant($"{Name}.mean", [.. normalization.Means], perChannel)]);
        return builder.Add(
            "Div", $"{Name}/Div", [centred, builder.AddConstant($"{Name}.std", [.. normalization.Stds], perChannel)]);
    }
}
