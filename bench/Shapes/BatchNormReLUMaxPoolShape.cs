namespace CudaBn.Bench;

/// <summary>Batch norm, ReLU and max-pooling of 2 x 2 in one operator.</summary>
public sealed record BatchNormReLUMaxPoolShape(int Batch, int Channels, int Size)
{
    /// <summary>The seed network's two.</summary>
    public static IReadOnlyList<BatchNormReLUMaxPoolShape> All { get; } = [new(256, 20, 24), new(256, 50, 10)];

    public BatchNormShape BatchNorm => new(Batch, Channels, Size, Size);

    public MaxPool2dShape MaxPool => new(Batch, Channels, Size, 2, 2);

    /// <summary>What the chain does, but the tensors between its operators are never written; the comparison of ReLU falls
    /// on what the pool leaves. The inputs that won are written beside the output.</summary>
    public Work Forward => new(
        BatchNorm.Forward.Flops + MaxPool.Forward.Flops + MaxPool.OutputElements,
        MaxPool.Forward.Bytes + sizeof(float) * MaxPool.OutputElements);

    /// <summary>The gradient is zero but where a maximum passed: the two sums run over these; each element of the input's
    /// gradient is still computed. The input, and those of it that won, are read besides what the pool's backward pass
    /// reads.</summary>
    public Work Backward => new(
        4 * MaxPool.OutputElements + 6 * BatchNorm.Elements,
        MaxPool.Backward.Bytes + sizeof(float) * (BatchNorm.Elements + MaxPool.OutputElements));

    public override string ToString() => $"{Batch}x{Channels}x{Size}x{Size}, k2 s2";
}
