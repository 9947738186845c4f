using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace CudaBn.Backends.Cuda.Native;

/// <summary>Finds the CUDA libraries: file names of CUDA 13 before those of CUDA 12, in the folders of
/// <c>CUDABN_CUDA_PATH</c>, the application, <c>CUDA_PATH</c> and <c>CUDA_HOME</c>, then wherever the loader looks, then
/// in /usr/local/cuda*.</summary>
internal static class NativeLibraries
{
    public const string Driver = "cuda";
    public const string Nvrtc = "nvrtc";
    public const string Cublas = "cublas";

    [ModuleInitializer]
    [System.Diagnostics.CodeAnalysis.SuppressMessage(
        "Usage", "CA2255", Justification = "The resolver must stand before the first native call, wherever that is.")]
    internal static void Register() =>
        NativeLibrary.SetDllImportResolver(typeof(NativeLibraries).Assembly, Resolve);

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath)
    {
        foreach (var path in Candidates(name))
        {
            if (NativeLibrary.TryLoad(path, out var library))
                return library;
        }

        return 0;
    }

    private static IEnumerable<string> Candidates(string name)
    {
        var files = FileNames(name);
        return Folders().SelectMany(folder => files.Select(file => Path.Combine(folder, file)))
            .Concat(files)
            .Concat(ToolkitFolders().SelectMany(folder => files.Select(file => Path.Combine(folder, file))));
    }

    private static string[] FileNames(string name) => (name, OperatingSystem.IsWindows()) switch
    {
        (Driver, false) => ["libcuda.so.1"],
        (Driver, true) => ["nvcuda.dll"],
        (Nvrtc, false) => ["libnvrtc.so.13", "libnvrtc.so.12"],
        (Nvrtc, true) => ["nvrtc64_130_0.dll", "nvrtc64_120_0.dll"],
        (Cublas, false) => ["libcublas.so.13", "libcublas.so.12"],
        (Cublas, true) => ["cublas64_13.dll", "cublas64_12.dll"],
        _ => [],
    };

    private static IEnumerable<string> Folders()
    {
        if (Environment.GetEnvironmentVariable("CUDABN_CUDA_PATH") is { Length: > 0 } chosen)
            yield return chosen;
        yield return AppContext.BaseDirectory;
        foreach (var variable in (string[])["CUDA_PATH", "CUDA_HOME"])
        {
            if (Environment.GetEnvironmentVariable(variable) is { Length: > 0 } toolkit)
                yield return Path.Combine(toolkit, OperatingSystem.IsWindows() ? "bin" : "lib64");
        }
    }

    private static IEnumerable<string> ToolkitFolders() =>
        OperatingSystem.IsWindows() || !Directory.Exists("/usr/local")
            ? []
            : Directory.EnumerateDirectories("/usr/local", "cuda*").Order(StringComparer.Ordinal).Reverse()
                .Select(folder => Path.Combine(folder, "lib64"));
}
