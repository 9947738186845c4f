namespace CudaBn.Bench;

/// <summary>What an operator has to do at least, whoever does it and however: the model that its time is judged
/// by.</summary>
/// <param name="Flops">Floating-point operations of the definition as written, a multiply-add counted as two, the taps that
/// fall on padding counted like the others.</param>
/// <param name="Bytes">Every input element read once and every output element written once. Statistics, labels and what
/// else is small beside the tensors is left out.</param>
public readonly record struct Work(long Flops, long Bytes)
{
    /// <summary>Floating-point operations per byte: where the operator stands under the roof.</summary>
    public double Intensity => (double)Flops / Bytes;

    /// <summary>The least time that a machine can need, in seconds.</summary>
    public double Floor(MachineLimits limits) =>
        Math.Max(Flops / (limits.GigaFlops * 1e9), Bytes / (limits.GigaBytes * 1e9));

    /// <summary>Whether arithmetic takes longer than memory on a machine.</summary>
    public bool IsComputeBound(MachineLimits limits) => Flops / limits.GigaFlops >= Bytes / limits.GigaBytes;
}
