namespace CudaBn.Bench;

/// <summary>Batch norm, an addition or none, and ReLU, in one operator.</summary>
/// <param name="Adds">Whether there is an addition.</param>
public sealed record BatchNormTailShape(int Batch, int Channels, int Size, bool Adds = false)
{
    /// <summary>One of ResNet-20's.</summary>
    public static IReadOnlyList<BatchNormTailShape> Quick { get; } = [new(128, 16, 28)];

    /// <summary>ResNet-20's, and one of ResNet-50's.</summary>
    public static IReadOnlyList<BatchNormTailShape> Usual { get; } =
        [.. Quick, new(128, 32, 14), new(128, 64, 7), new(32, 64, 56)];

    /// <summary>Those and more of ResNet-50's: the first, the widest, and the smallest.</summary>
    public static IReadOnlyList<BatchNormTailShape> All { get; } =
        [.. Usual, new(32, 64, 112), new(32, 256, 56), new(32, 2048, 7)];

    public BatchNormShape BatchNorm => new(Batch, Channels, Size, Size);

    /// <summary>What batch norm does, an addition, and a comparison. No tensor between the operators is written; what is
    /// added is read.</summary>
    public Work Forward => new(
        BatchNorm.Forward.Flops + (Adds ? 2 : 1) * BatchNorm.Elements,
        BatchNorm.Forward.Bytes + (Adds ? sizeof(float) * BatchNorm.Elements : 0));

    /// <summary>What batch norm does, and a comparison. Where something was added, the output is read, too, which tells what
    /// passed, and the gradient of what was added is written.</summary>
    public Work Backward => new(
        BatchNorm.Backward.Flops + BatchNorm.Elements,
        BatchNorm.Backward.Bytes + (Adds ? 2 * sizeof(float) * BatchNorm.Elements : 0));

    public override string ToString() => $"{Batch}x{Channels}x{Size}x{Size}";
}
