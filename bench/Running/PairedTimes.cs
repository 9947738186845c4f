namespace CudaBn.Bench;

/// <summary>How long an operation takes on the processor, told by what the processor could have done meanwhile: measured in
/// turn with the limits.</summary>
/// <param name="Flops">Of multiply-adds on registers.</param>
/// <param name="Bytes">Of a copy, read and written.</param>
/// <param name="Limits">What the machine could do at those moments.</param>
public sealed record PairedTimes(double Flops, double Bytes, MachineLimits Limits)
{
    /// <summary>The least time that the machine could need, as a share of the time it took.</summary>
    public double ShareOf(Work work) => Math.Max(work.Flops / Flops, work.Bytes / Bytes);
}
