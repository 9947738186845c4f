namespace CudaBn.Backends.Cuda.Native;

/// <summary>A CUcontext.</summary>
internal readonly record struct ContextHandle(nint Value);

/// <summary>A CUmodule.</summary>
internal readonly record struct CudaModuleHandle(nint Value);

/// <summary>A CUfunction, which lives as long as its module.</summary>
internal readonly record struct FunctionHandle(nint Value);

/// <summary>A CUstream.</summary>
internal readonly record struct StreamHandle(nint Value);

/// <summary>A CUevent.</summary>
internal readonly record struct EventHandle(nint Value);

/// <summary>A CUgraph.</summary>
internal readonly record struct GraphHandle(nint Value);

/// <summary>A CUgraphExec.</summary>
internal readonly record struct GraphExecHandle(nint Value);

/// <summary>A CUdeviceptr.</summary>
internal readonly record struct DevicePointer(nint Value);

/// <summary>An nvrtcProgram.</summary>
internal readonly record struct ProgramHandle(nint Value);

/// <summary>A cublasHandle_t.</summary>
internal readonly record struct BlasHandle(nint Value);
