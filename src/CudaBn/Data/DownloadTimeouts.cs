namespace CudaBn;

/// <summary>How long a download waits, and how often it tries.</summary>
/// <param name="Connect">For a connection: short, so that a machine without network finds out soon.</param>
/// <param name="Answer">For the head of an answer, redirections included.</param>
/// <param name="Stall">For the next byte, or for headway of another process that downloads to the folder.</param>
/// <param name="Pause">Between two tries on a source whose connection broke.</param>
/// <param name="Tries">How often a source whose connection breaks is asked to go on.</param>
internal sealed record DownloadTimeouts(TimeSpan Connect, TimeSpan Answer, TimeSpan Stall, TimeSpan Pause, int Tries)
{
    public static DownloadTimeouts Default { get; } = new(
        TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(30), TimeSpan.FromMilliseconds(500), 5);
}
