namespace CudaBn.Bench;

/// <summary>Logits of a batch.</summary>
public sealed record ClassificationShape(int Batch, int Classes)
{
    /// <summary>The seed network's, and ImageNet's.</summary>
    public static IReadOnlyList<ClassificationShape> All { get; } = [new(256, 10), new(256, 1000)];

    public long Elements => (long)Batch * Classes;

    /// <summary>Per logit: compare, subtract, exponential (counted as one), add, multiply. Logits read, probabilities
    /// written.</summary>
    public Work Forward => new(5 * Elements, 2 * sizeof(float) * Elements);

    /// <summary>Per logit: subtract, multiply. Probabilities read, gradients written.</summary>
    public Work Backward => new(2 * Elements, 2 * sizeof(float) * Elements);

    public override string ToString() => $"{Batch}x{Classes}";
}
