using System.ComponentModel;
using System.Diagnostics;

namespace CudaBn.Bench;

/// <summary>What NVIDIA's own command says about a GPU.</summary>
public static class NvidiaSmi
{
    /// <summary>The value of a field, as the command's <c>--query-gpu</c> takes it; null where the command is not
    /// installed or does not answer.</summary>
    public static string? Query(string field, int gpu)
    {
        var start = new ProcessStartInfo(
            "nvidia-smi", [$"--query-gpu={field}", "--format=csv,noheader,nounits", $"--id={gpu}"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        try
        {
            using var process = Process.Start(start)!;
            var text = process.StandardOutput.ReadToEnd().Trim();
            process.WaitForExit();
            return process.ExitCode == 0 ? text : null;
        }
        catch (Win32Exception)
        {
            return null;
        }
    }
}
