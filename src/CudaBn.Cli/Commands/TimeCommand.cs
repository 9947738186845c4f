using System.CommandLine;

namespace CudaBn.Cli;

internal static class TimeCommand
{
    public static Command Create() => new("time", "x");
}
