using System.Diagnostics;

namespace CudaBn.Bench;

/// <summary>Whether benchmarks can be compiled into processes of their own.</summary>
public static class Sdk
{
    /// <summary>The folder of this project; null where this program runs without its sources.</summary>
    public static string? ProjectFolder { get; } = FindProject();

    /// <summary>Whether there are sources and an SDK that compiles them.</summary>
    public static bool CanCompile => ProjectFolder is not null && HasSdk();

    private static string? FindProject()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "CudaBn.Bench.csproj")))
                return folder.FullName;
            var below = Path.Combine(folder.FullName, "bench");
            if (File.Exists(Path.Combine(below, "CudaBn.Bench.csproj")))
                return below;
        }

        return null;
    }

    private static bool HasSdk()
    {
        var start = new ProcessStartInfo("dotnet", ["--version"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = ProjectFolder,
        };
        try
        {
            using var dotnet = Process.Start(start)!;
            dotnet.StandardOutput.ReadToEnd();
            dotnet.WaitForExit();
            return dotnet.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
