using System.Globalization;
using System.Text;
using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

/// <summary>What this machine has for CUDA, found without making a context.</summary>
internal sealed unsafe class CudaDiagnosis
{
    /// <summary>The oldest CUDA whose driver has all functions that are used.</summary>
    private const int OldestDriver = 12000;

    private static readonly Lazy<CudaDiagnosis> LazyOfThisMachine = new(() => new CudaDiagnosis());

    private CudaDiagnosis()
    {
        try
        {
            Problem = ExamineDriver() ?? ExamineNvrtc();
        }
        catch (CudaException e)
        {
            Problem = new CudaProblem($"CUDA does not answer: {e.Message.TrimEnd('.')}", "see what nvidia-smi says");
        }
    }

    /// <summary>That of this process: made once, for libraries stay loaded.</summary>
    public static CudaDiagnosis OfThisMachine => LazyOfThisMachine.Value;

    /// <summary>The CUDA version that the driver supports; null without a driver.</summary>
    public Version? DriverVersion { get; private set; }

    /// <summary>The version of the run-time compiler; null without one.</summary>
    public Version? NvrtcVersion { get; private set; }

    /// <summary>The architectures that the run-time compiler knows, as 10 * major + minor.</summary>
    public IReadOnlyList<int> Architectures { get; private set; } = [];

    /// <summary>The GPUs that the driver lists.</summary>
    public IReadOnlyList<CudaDeviceInfo> Devices { get; private set; } = [];

    /// <summary>Why no GPU is to be had; null if one is.</summary>
    public CudaProblem? Problem { get; }

    /// <summary>Why one GPU is not to be had; null if it is.</summary>
    public CudaProblem? ProblemOf(int index)
    {
        if (Problem is not null)
            return Problem;
        if (index < Devices.Count)
            return KernelCompiler.ArchitectureFor(Devices[index].Capability, Architectures) is not null ? null
                : new CudaProblem(
                    $"{Devices[index].Name}, of compute capability {Devices[index].Capability}, is older than NVRTC "
                    + $"{NvrtcVersion} compiles for",
                    "install an older NVRTC, or use another GPU");
        return new CudaProblem(
            Text($"there is no GPU {index}"),
            Devices.Count == 1 ? "this machine has one, cuda:0"
                : Text($"this machine has {Devices.Count}, cuda:0 to cuda:{Devices.Count - 1}"));
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static string FilesOf(string library) => string.Join(" or ", NativeLibraries.FileNames(library));

    private CudaProblem? ExamineDriver()
    {
        var search = NativeLibraries.Find(NativeLibraries.Driver);
        if (!search.IsFound)
            return new CudaProblem(
                search.Fault ?? $"there is no NVIDIA driver ({FilesOf(NativeLibraries.Driver)})",
                "install the NVIDIA driver, and start a container with its GPUs (--gpus all)");

        var version = 0;
        Driver.cuDriverGetVersion(&version).ThrowIfFailed();
        DriverVersion = new Version(version / 1000, version % 1000 / 10);
        if (version < OldestDriver)
            return new CudaProblem(
                $"the NVIDIA driver is too old: it supports CUDA {DriverVersion}, and 12.0 is needed",
                "install an NVIDIA driver of version 525 or later");

        if (search.FirstMissing(NeededFunctions.Driver) is { } missing)
            return new CudaProblem(
                $"the NVIDIA driver lacks the function {missing}", "install a newer NVIDIA driver");

        var result = Driver.cuInit(0);
        if (result is not (CudaResult.Success or CudaResult.NoDevice))
            return new CudaProblem(
                $"the NVIDIA driver does not start: {CudaCheck.Failure(result, "cuInit").Message.TrimEnd('.')}",
                "see what nvidia-smi says; after an update of the driver, restart the machine");

        var count = 0;
        if (result == CudaResult.Success)
            Driver.cuDeviceGetCount(&count).ThrowIfFailed();
        Devices = [.. Enumerable.Range(0, count).Select(ReadDevice)];
        return count > 0 ? null : new CudaProblem(
            "the NVIDIA driver finds no GPU",
            "see what nvidia-smi lists and whether CUDA_VISIBLE_DEVICES hides it; start a container with --gpus all");
    }

    private CudaProblem? ExamineNvrtc()
    {
        var search = NativeLibraries.Find(NativeLibraries.Nvrtc);
        if (!search.IsFound)
            return new CudaProblem(
                search.Fault
                    ?? $"NVRTC, which compiles the kernels, is nowhere ({FilesOf(NativeLibraries.Nvrtc)})",
                "install NVRTC of the CUDA toolkit and, where it is not found, name its folder in CUDABN_CUDA_PATH");

        if (search.FirstMissing(NeededFunctions.Nvrtc) is { } missing)
            return new CudaProblem($"NVRTC lacks the function {missing}", "install NVRTC of CUDA 12 or 13");

        int major = 0, minor = 0;
        Nvrtc.nvrtcVersion(&major, &minor).ThrowIfFailed();
        NvrtcVersion = new Version(major, minor);
        Architectures = KernelCompiler.Architectures;
        return DriverVersion is null || major <= DriverVersion.Major ? null : new CudaProblem(
            $"the NVIDIA driver, of CUDA {DriverVersion}, does not load what NVRTC {NvrtcVersion} compiles",
            Text($"update the driver, or install NVRTC {DriverVersion.Major}"));
    }

    private static CudaDeviceInfo ReadDevice(int index)
    {
        int device, major, minor;
        Driver.cuDeviceGet(&device, index).ThrowIfFailed();
        Driver.cuDeviceGetAttribute(&major, DeviceAttribute.ComputeCapabilityMajor, device).ThrowIfFailed();
        Driver.cuDeviceGetAttribute(&minor, DeviceAttribute.ComputeCapabilityMinor, device).ThrowIfFailed();
        nuint bytes;
        Driver.cuDeviceTotalMem_v2(&bytes, device).ThrowIfFailed();
        Span<byte> name = stackalloc byte[256];
        fixed (byte* place = name)
            Driver.cuDeviceGetName(place, name.Length, device).ThrowIfFailed();
        return new CudaDeviceInfo(
            index, Encoding.UTF8.GetString(name[..name.IndexOf((byte)0)]), new Version(major, minor), (long)bytes);
    }
}
