using System.Text;
using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

/// <summary>Makes machine code out of kernel sources, through NVRTC.</summary>
internal static unsafe class KernelCompiler
{
    private static readonly Lazy<(int Major, int Minor)> LazyVersion = new(() =>
    {
        int major, minor;
        Nvrtc.nvrtcVersion(&major, &minor).ThrowIfFailed();
        return (major, minor);
    });

    private static readonly Lazy<int[]> LazyArchitectures = new(() =>
    {
        int count;
        Nvrtc.nvrtcGetNumSupportedArchs(&count).ThrowIfFailed();
        var architectures = new int[count];
        fixed (int* place = architectures)
            Nvrtc.nvrtcGetSupportedArchs(place).ThrowIfFailed();
        return architectures;
    });

    /// <summary>The version of NVRTC.</summary>
    public static (int Major, int Minor) Version => LazyVersion.Value;

    /// <summary>The architectures that NVRTC compiles for, such as 90 for compute capability 9.0.</summary>
    public static IReadOnlyList<int> Architectures => LazyArchitectures.Value;

    /// <summary>What to compile for on a device: machine code of its own, or PTX, which the driver translates, where the
    /// device is newer than the compiler.</summary>
    /// <param name="capability">The device's compute capability: 90 for 9.0.</param>
    /// <param name="known">The architectures that the compiler knows.</param>
    /// <exception cref="PlatformNotSupportedException">The compiler has left the device behind.</exception>
    public static string ArchitectureFor(int capability, IEnumerable<int> known)
    {
        var newest = known.Where(architecture => architecture <= capability).DefaultIfEmpty(-1).Max();
        if (newest < 0)
            throw new PlatformNotSupportedException(
                $"This NVRTC compiles for compute capability {known.Min() / 10.0:F1} and later; the GPU has "
                + $"{capability / 10.0:F1}. An older CUDA toolkit still does.");
        return newest == capability ? $"sm_{capability}" : $"compute_{newest}";
    }

    /// <summary>The options of one compilation.</summary>
    public static string[] Options(
        KernelFile file, string architecture, DType dtype, ReadOnlySpan<KernelConstant> constants)
    {
        var options = new List<string>
        {
            $"--gpu-architecture={architecture}",
            "--std=c++17",
            "-lineinfo",
            file.FusesMultiplyAdd ? "--fmad=true" : "--fmad=false",
            dtype == DType.Float32 ? "-DREAL=float" : "-DREAL=double",
        };
        foreach (var constant in constants)
            options.Add($"-D{constant.Name}={constant.Value}");
        return [.. options];
    }

    /// <summary>Compiles for a real architecture (sm_XY, machine code) or a virtual one (compute_XY, PTX).</summary>
    /// <exception cref="KernelCompilationException">The source has an error.</exception>
    public static byte[] Compile(string file, string source, string[] options)
    {
        using var text = new NativeTexts([source, file]);
        using var headers = new NativeTexts([.. KernelSources.Headers.Values]);
        using var headerNames = new NativeTexts([.. KernelSources.Headers.Keys]);
        using var optionTexts = new NativeTexts(options);
        ProgramHandle program;
        Nvrtc.nvrtcCreateProgram(
            &program, text.Pointers[0], text.Pointers[1], headers.Count, headers.Pointers, headerNames.Pointers)
            .ThrowIfFailed();
        try
        {
            var result = Nvrtc.nvrtcCompileProgram(program, optionTexts.Count, optionTexts.Pointers);
            if (result is NvrtcResult.Compilation or NvrtcResult.InvalidOption)
                throw new KernelCompilationException(file, options, Log(program));
            result.ThrowIfFailed("nvrtcCompileProgram");
            var isVirtual = Array.Exists(options, option => option.Contains("compute_", StringComparison.Ordinal));
            return isVirtual ? Ptx(program) : Cubin(program);
        }
        finally
        {
            _ = Nvrtc.nvrtcDestroyProgram(&program);
        }
    }

    private static string Log(ProgramHandle program)
    {
        nuint size;
        Nvrtc.nvrtcGetProgramLogSize(program, &size).ThrowIfFailed();
        var log = new byte[size];
        fixed (byte* place = log)
            Nvrtc.nvrtcGetProgramLog(program, place).ThrowIfFailed();
        return Encoding.UTF8.GetString(log).TrimEnd('\0', '\n');
    }

    private static byte[] Cubin(ProgramHandle program)
    {
        nuint size;
        Nvrtc.nvrtcGetCUBINSize(program, &size).ThrowIfFailed();
        var cubin = new byte[size];
        fixed (byte* place = cubin)
            Nvrtc.nvrtcGetCUBIN(program, place).ThrowIfFailed();
        return cubin;
    }

    private static byte[] Ptx(ProgramHandle program)
    {
        nuint size;
        Nvrtc.nvrtcGetPTXSize(program, &size).ThrowIfFailed();
        var ptx = new byte[size];
        fixed (byte* place = ptx)
            Nvrtc.nvrtcGetPTX(program, place).ThrowIfFailed();
        return ptx;
    }
}
