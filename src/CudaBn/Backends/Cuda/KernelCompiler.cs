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
    /// <param name="capability">The device's compute capability.</param>
    /// <param name="known">The architectures that the compiler knows, as 10 * major + minor.</param>
    /// <returns>Such as sm_90 or compute_90; null if the compiler has left the device behind.</returns>
    public static string? ArchitectureFor(Version capability, IEnumerable<int> known)
    {
        var own = 10 * capability.Major + capability.Minor;
        var newest = known.Where(architecture => architecture <= own).DefaultIfEmpty(-1).Max();
        return newest < 0 ? null : newest == own ? $"sm_{own}" : $"compute_{newest}";
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
