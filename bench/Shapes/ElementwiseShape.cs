namespace CudaBn.Bench;

/// <summary>A tensor whose elements do not know of each other.</summary>
public sealed record ElementwiseShape(int Batch, int Channels, int Size)
{
    /// <summary>The seed network's first and last convolution outputs, and ResNet-50's first.</summary>
    public static IReadOnlyList<ElementwiseShape> All { get; } =
        [new(256, 20, 24), new(256, 50, 10), new(32, 64, 112)];

    /// <summary>The seed network's.</summary>
    public static IReadOnlyList<ElementwiseShape> Quick { get; } = [.. All.Take(2)];

    public long Elements => (long)Batch * Channels * Size * Size;

    /// <summary>A comparison; one tensor read, one written.</summary>
    public Work Forward => new(Elements, 2 * sizeof(float) * Elements);

    /// <summary>A comparison; the output and its gradient read, one tensor written.</summary>
    public Work Backward => new(Elements, 3 * sizeof(float) * Elements);

    /// <summary>A multiplication by what a random number decides, whose bits are no floating-point arithmetic; one tensor
    /// read, one written, forward and backward.</summary>
    public Work Dropout => new(Elements, 2 * sizeof(float) * Elements);

    /// <summary>Subtract, multiply-add the square; two tensors read.</summary>
    public Work SquaredError => new(3 * Elements, 2 * sizeof(float) * Elements);

    /// <summary>Subtract, multiply; two tensors read, one written.</summary>
    public Work SquaredErrorGradient => new(2 * Elements, 3 * sizeof(float) * Elements);

    /// <summary>[N, C, H, W].</summary>
    public Shape TensorShape => [Batch, Channels, Size, Size];

    public override string ToString() => $"{Batch}x{Channels}x{Size}x{Size}";
}
