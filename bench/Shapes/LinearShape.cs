using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

/// <summary>A dense layer, with bias.</summary>
public sealed record LinearShape(int Batch, int InFeatures, int OutFeatures)
{
    /// <summary>The seed network's two, ResNet-50's at a batch and at one image, and a square product.</summary>
    public static IReadOnlyList<LinearShape> All { get; } =
    [
        new(256, 1250, 128), new(256, 128, 10), new(1, 2048, 1000), new(256, 2048, 1000), new(1024, 1024, 1024),
    ];

    /// <summary>The seed network's.</summary>
    public static IReadOnlyList<LinearShape> Quick { get; } = [.. All.Take(2)];

    private long Product => 2L * Batch * InFeatures * OutFeatures;

    private long InputElements => (long)Batch * InFeatures;

    private long WeightElements => (long)InFeatures * OutFeatures;

    private long OutputElements => (long)Batch * OutFeatures;

    /// <summary>The product and the bias.</summary>
    public Work Forward => new(
        Product + OutputElements, sizeof(float) * (InputElements + WeightElements + OutFeatures + OutputElements));

    /// <summary>Two products, the input's gradient and the weight's, and the sums of the bias. Input, weight and the
    /// output's gradient are read, three gradients written.</summary>
    public Work Backward => new(
        2 * Product + OutputElements,
        sizeof(float) * (2 * InputElements + 2 * WeightElements + OutFeatures + OutputElements));

    public LinearGeometry Geometry => new(Batch, InFeatures, OutFeatures);

    public override string ToString() => $"{Batch}x{InFeatures}->{OutFeatures}";
}
