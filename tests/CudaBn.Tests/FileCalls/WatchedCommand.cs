using CudaBn.Tests.Cli;
using CudaBn.Tests.Serialization;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.FileCalls;

/// <summary>The command with its calls that concern files noted by file_calls.c, which can end it at any of them.</summary>
internal sealed class WatchedCommand
{
    /// <summary>With what a command exits that is ended so.</summary>
    public const int Crashed = 137;

    private readonly TemporaryFolder _home;
    private readonly string _library;

    /// <summary>Builds the library. Ignores the test where there is no compiler, or fails it where CUDABN_REQUIRE_SOFTCUDA is
    /// 1.</summary>
    /// <param name="home">The home of the command, in which the library and the notes lie, too.</param>
    public WatchedCommand(TemporaryFolder home)
    {
        (_home, _library) = (home, home["file_calls.so"]);
        if (!Programs.IsInstalled("g++"))
            Missing.Report("CUDABN_REQUIRE_SOFTCUDA", "noting the calls of a process needs g++", "g++");
        File.WriteAllBytes(home["file_calls.c"], EmbeddedFiles.Bytes("file_calls.c"));
        Programs.Run("g++", "-x", "c", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", _library, home["file_calls.c"], "-ldl");
    }

    /// <summary>Runs the command to its end, which has to be a good one.</summary>
    /// <param name="under">The folder whose files are watched.</param>
    /// <param name="arguments">What would be typed after its name.</param>
    /// <returns>What it did, in order.</returns>
    public FileCall[] Run(string under, params string[] arguments)
    {
        var (exitCode, error, calls) = Run(under, crash: 0, arguments);
        Assert.That(exitCode, Is.Zero, error);
        return calls;
    }

    /// <summary>Runs the command until it would make its <paramref name="crash"/>th call.</summary>
    /// <returns>What it did before, in order.</returns>
    public FileCall[] Crash(string under, int crash, params string[] arguments)
    {
        var (exitCode, error, calls) = Run(under, crash, arguments);
        Assert.That(exitCode, Is.EqualTo(Crashed), error);
        return calls;
    }

    private (int ExitCode, string Error, FileCall[] Calls) Run(string under, int crash, string[] arguments)
    {
        var log = _home[$"calls-{Guid.NewGuid():N}"];
        using var command = CudabnProcess.RunWith(
            _home[""],
            new Dictionary<string, string?>
            {
                ["LD_PRELOAD"] = _library,
                ["FILE_CALLS_UNDER"] = under,
                ["FILE_CALLS_LOG"] = log,
                ["FILE_CALLS_CRASH"] = $"{crash}",
            },
            arguments);
        return (command.ExitCode, command.Error, [.. File.ReadLines(log).Select(FileCall.Parse)]);
    }
}
