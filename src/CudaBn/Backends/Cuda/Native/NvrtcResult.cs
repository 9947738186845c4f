namespace CudaBn.Backends.Cuda.Native;

/// <summary>What a function of NVRTC answers (nvrtcResult): those values that are told apart.</summary>
internal enum NvrtcResult
{
    Success = 0,
    OutOfMemory = 1,
    ProgramCreationFailure = 2,
    InvalidInput = 3,
    InvalidProgram = 4,
    InvalidOption = 5,
    Compilation = 6,
}
