using System.Runtime.InteropServices;

namespace CudaBn.Backends.Cuda.Native;

/// <summary>The functions of the run-time compiler NVRTC that are used.</summary>
internal static unsafe partial class Nvrtc
{
    private const string Library = NativeLibraries.Nvrtc;

    [LibraryImport(Library)]
    public static partial NvrtcResult nvrtcVersion(int* major, int* minor);

    [LibraryImport(Library)]
    public static partial byte* nvrtcGetErrorString(NvrtcResult result);

    [LibraryImport(Library)]
    public static partial NvrtcResult nvrtcGetNumSupportedArchs(int* count);

    [LibraryImport(Library)]
    public static partial NvrtcResult nvrtcGetSupportedArchs(int* architectures);

    [LibraryImport(Library)]
    public static partial NvrtcResult nvrtcCreateProgram(
        ProgramHandle* program, byte* source, byte* name, int headerCount, byte** headers, byte** headerNames);

    [LibraryImport(Library)]
    public static partial NvrtcResult nvrtcDestroyProgram(ProgramHandle* program);

    [LibraryImport(Library)]
    public static partial NvrtcResult nvrtcCompileProgram(ProgramHandle program, int optionCount, byte** options);

    [LibraryImport(Library)]
    public static partial NvrtcResult nvrtcGetProgramLogSize(ProgramHandle program, nuint* bytes);

    [LibraryImport(Library)]
    public static partial NvrtcResult nvrtcGetProgramLog(ProgramHandle program, byte* log);

    [LibraryImport(Library)]
    public static partial NvrtcResult nvrtcGetCUBINSize(ProgramHandle program, nuint* bytes);

    [LibraryImport(Library)]
    public static partial NvrtcResult nvrtcGetCUBIN(ProgramHandle program, byte* cubin);

    [LibraryImport(Library)]
    public static partial NvrtcResult nvrtcGetPTXSize(ProgramHandle program, nuint* bytes);

    [LibraryImport(Library)]
    public static partial NvrtcResult nvrtcGetPTX(ProgramHandle program, byte* ptx);
}
