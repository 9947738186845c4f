using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace CudaBn.Tests.Support;

/// <summary>Programs of this machine that prepare what tests need.</summary>
internal static class Programs
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(5);

    public static bool IsInstalled(string tool)
    {
        try
        {
            Run(tool, "--version");
            return true;
        }
        catch (Win32Exception)
        {
            return false;
        }
    }

    /// <summary>Runs a program to its end.</summary>
    /// <exception cref="InvalidOperationException">It fails, or does not end: with all that it printed.</exception>
    /// <exception cref="Win32Exception">There is no such program.</exception>
    public static void Run(string program, params string[] arguments)
    {
        using var process = new Process
        {
            StartInfo = new ProcessStartInfo(program, arguments)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            },
        };
        var output = new StringBuilder();
        process.OutputDataReceived += (_, line) => Add(line.Data);
        process.ErrorDataReceived += (_, line) => Add(line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        if (!process.WaitForExit(_patience))
        {
            process.Kill(entireProcessTree: true);
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} does not end:\n{output}");
        }

        // Without a timeout, this also waits for the last lines.
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException(
                $"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}:\n{output}");

        void Add(string? line)
        {
            lock (output)
                output.Append(line).Append('\n');
        }
    }
}
