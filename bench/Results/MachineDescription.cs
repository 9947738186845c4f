using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using BenchmarkDotNet.Environments;
using CudaBn.Backends.Cuda;

namespace CudaBn.Bench;

/// <summary>What figures were measured on.</summary>
public sealed record MachineDescription
{
    public required string Processor { get; init; }

    public required int Processors { get; init; }

    /// <summary>The widest registers that this library uses here.</summary>
    public required string Simd { get; init; }

    public required string System { get; init; }

    public required string Runtime { get; init; }

    /// <summary>This library's version and commit.</summary>
    public required string Version { get; init; }

    public required string Peers { get; init; }

    /// <summary>The description of each device that was measured.</summary>
    public required IReadOnlyDictionary<string, string> Devices { get; init; }

    public static MachineDescription Current(IReadOnlyList<Device> devices) => new()
    {
        Processor = CudaBn.Cli.Processor.Name(),
        Processors = Environment.ProcessorCount,
        Simd = Vector512.IsHardwareAccelerated ? "512 bits"
            : Vector256.IsHardwareAccelerated ? "256 bits" : "scalar",
        System = HostEnvironmentInfo.GetCurrent().Os.Value?.ToString() ?? RuntimeInformation.OSDescription,
        Runtime = RuntimeInformation.FrameworkDescription,
        Version = $"CudaBn {VersionAndCommit()}",
        Peers = $"ONNX Runtime {VersionOf(typeof(Microsoft.ML.OnnxRuntime.InferenceSession))}",
        Devices = devices.ToDictionary(device => device.ToString(), Describe),
    };

    // Of a GPU with the versions of what runs it.
    private static string Describe(Device device)
    {
        if (device.Backend is not CudaBackend cuda)
            return device.Description;
        var driver = NvidiaSmi.Query("driver_version", device.Index) is { } version ? $"driver {version}, " : "";
        var diagnosis = CudaDiagnosis.OfThisMachine;
        return $"{device.Description}; {driver}CUDA {diagnosis.DriverVersion}, NVRTC {diagnosis.NvrtcVersion}, "
            + (cuda.CublasVersion is { } cublas ? $"cuBLAS {cublas}" : "no cuBLAS");
    }

    // The version names the commit that was built; changes on top of it, git alone knows.
    private static string VersionAndCommit()
    {
        var version = typeof(Device).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!
            .InformationalVersion;
        return Sdk.ProjectFolder is { } folder && HasChanges(folder) ? $"{version}, with changes" : version;
    }

    private static bool HasChanges(string folder)
    {
        var start = new ProcessStartInfo("git", ["-C", folder, "status", "--porcelain", "--untracked-files=no", "..", ":!results"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        try
        {
            using var git = Process.Start(start)!;
            var output = git.StandardOutput.ReadToEnd();
            git.WaitForExit();
            return output.Trim().Length > 0;
        }
        catch (global::System.ComponentModel.Win32Exception)
        {
            // No git, no work tree that could have changed.
            return false;
        }
    }

    private static string VersionOf(Type type) =>
        type.Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0]
        ?? type.Assembly.GetName().Version!.ToString();
}
