using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace CudaBn.Backends.Cuda.Native;

/// <summary>Finds the CUDA libraries, in the folders of <c>CUDABN_CUDA_PATH</c>, the application, <c>CUDA_PATH</c> and
/// <c>CUDA_HOME</c>, then wherever the loader looks, then in /usr/local/cuda*.</summary>
internal static class NativeLibraries
{
    public const string Driver = "cuda";
    public const string Nvrtc = "nvrtc";
    public const string Cublas = "cublas";

    private static readonly Lazy<LibrarySearch> LazyDriver = new(() => Search(Driver));
    private static readonly Lazy<LibrarySearch> LazyNvrtc = new(() => Search(Nvrtc));
    private static readonly Lazy<LibrarySearch> LazyCublas = new(() => Search(Cublas));

    /// <summary>How one of the libraries was found, or not. Each is looked for once.</summary>
    public static LibrarySearch Find(string library) => library switch
    {
        Driver => LazyDriver.Value,
        Nvrtc => LazyNvrtc.Value,
        Cublas => LazyCublas.Value,
        _ => throw new ArgumentException($"There is no CUDA library '{library}'.", nameof(library)),
    };

    /// <summary>The names that the file of a library has, in the order in which they are tried.</summary>
    public static string[] FileNames(string library) =>
        FileNames(library, OperatingSystem.IsWindows(), library != Driver && DriverIsOfCuda12());

    /// <summary>The names that the file of a library has: CUDA 13 before CUDA 12, except on a driver that does not load
    /// what CUDA 13 compiles.</summary>
    public static string[] FileNames(string library, bool isWindows, bool isCuda12)
    {
        string[] names = (library, isWindows) switch
        {
            (Driver, false) => ["libcuda.so.1"],
            (Driver, true) => ["nvcuda.dll"],
            (Nvrtc, false) => ["libnvrtc.so.13", "libnvrtc.so.12"],
            (Nvrtc, true) => ["nvrtc64_130_0.dll", "nvrtc64_120_0.dll"],
            (Cublas, false) => ["libcublas.so.13", "libcublas.so.12"],
            (Cublas, true) => ["cublas64_13.dll", "cublas64_12.dll"],
            _ => [],
        };
        if (isCuda12)
            Array.Reverse(names);
        return names;
    }

    /// <summary>Where some files are looked for, in order. A bare name is for the system's loader.</summary>
    /// <param name="files">The names that the library may have.</param>
    /// <param name="isWindows">Whether folders are those of Windows.</param>
    /// <param name="variable">The environment.</param>
    /// <param name="applicationFolders">Where the application and its packages are.</param>
    /// <param name="toolkits">CUDA toolkits of this machine, newest first.</param>
    public static IEnumerable<string> Candidates(
        string[] files,
        bool isWindows,
        Func<string, string?> variable,
        IEnumerable<string> applicationFolders,
        IEnumerable<string> toolkits)
    {
        string[] libraryFolders = isWindows ? ["bin", Path.Combine("bin", "x64")] : ["lib64"];
        var chosen = Folders("CUDABN_CUDA_PATH");
        var named = Folders("CUDA_PATH").Concat(Folders("CUDA_HOME")).SelectMany(Libraries);
        return chosen.Concat(applicationFolders).Concat(named).SelectMany(Files)
            .Concat(files)
            .Concat(toolkits.SelectMany(Libraries).SelectMany(Files))
            .Distinct();

        // A relative path would mean another folder wherever the program is started.
        IEnumerable<string> Folders(string name) =>
            (variable(name) ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
                .Select(Path.GetFullPath);

        IEnumerable<string> Libraries(string toolkit) => libraryFolders.Select(name => Path.Combine(toolkit, name));

        IEnumerable<string> Files(string folder) => files.Select(file => Path.Combine(folder, file));
    }

    [ModuleInitializer]
    [System.Diagnostics.CodeAnalysis.SuppressMessage(
        "Usage", "CA2255", Justification = "The resolver must stand before the first native call, wherever that is.")]
    internal static void Register() =>
        NativeLibrary.SetDllImportResolver(typeof(NativeLibraries).Assembly, Resolve);

    // 0 leaves other libraries, such as libc, to the runtime.
    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath) =>
        name is Driver or Nvrtc or Cublas ? Find(name).Handle : 0;

    private static LibrarySearch Search(string library) => LibrarySearch.In(Candidates(
        FileNames(library), OperatingSystem.IsWindows(), Environment.GetEnvironmentVariable, ApplicationFolders(),
        Toolkits()));

    private static unsafe bool DriverIsOfCuda12()
    {
        var version = 0;
        return Find(Driver).IsFound && Native.Driver.cuDriverGetVersion(&version) == CudaResult.Success
            && version < 13000;
    }

    // Where a package keeps native files: beside the application, or as .NET lists the folders of packages in use.
    private static IEnumerable<string> ApplicationFolders()
    {
        var folder = AppContext.BaseDirectory;
        var ofPackages = AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "";
        return ofPackages.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Prepend(Path.Combine(folder, "runtimes", RuntimeInformation.RuntimeIdentifier, "native"))
            .Prepend(folder)
            .Select(Path.TrimEndingDirectorySeparator)
            .Distinct();
    }

    private static IEnumerable<string> Toolkits() =>
        OperatingSystem.IsWindows() || !Directory.Exists("/usr/local")
            ? []
            : Directory.EnumerateDirectories("/usr/local", "cuda*").OrderDescending(ToolkitOrder.Instance);
}
