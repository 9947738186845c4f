namespace CudaBn.Cli;

/// <summary>What the command tells the shell.</summary>
internal static class ExitCodes
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int Usage = 2;

    /// <summary>Training met a value that is NaN or infinite.</summary>
    public const int NotFinite = 3;

    /// <summary>128 + SIGINT, as shells have it.</summary>
    public const int Interrupted = 130;
}
