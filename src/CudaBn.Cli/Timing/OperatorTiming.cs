namespace CudaBn.Cli;

/// <summary>How long one operator takes.</summary>
/// <param name="Name">The operator and its sizes.</param>
/// <param name="Milliseconds">The median.</param>
/// <param name="Work">Floating-point operations, or bytes that must at least be read and written.</param>
/// <param name="Unit">What <paramref name="Work"/> counts.</param>
internal sealed record OperatorTiming(string Name, double Milliseconds, double Work, WorkUnit Unit)
{
    /// <summary>10^9 operations or bytes per second.</summary>
    public double Rate => Work / Milliseconds / 1e6;

    /// <summary>The rate as a share of what the machine could do at best.</summary>
    public double ShareOf(MachineLimits limits) =>
        Rate / (Unit == WorkUnit.Flop ? limits.GigaFlops : limits.GigaBytes);
}
