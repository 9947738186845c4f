using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

/// <summary>Machine code that a context has loaded.</summary>
internal sealed unsafe class CudaModule : CudaHandle
{
    /// <summary>Loads machine code or PTX. The context must be bound.</summary>
    public CudaModule(CudaContext context, ReadOnlySpan<byte> image)
        : base(context)
    {
        CudaModuleHandle module;
        fixed (byte* place = image)
            Driver.cuModuleLoadData(&module, place).ThrowIfFailed();
        SetHandle(module.Value);
    }

    public FunctionHandle Function(string name)
    {
        FunctionHandle function;
        Driver.cuModuleGetFunction(&function, new CudaModuleHandle(Value), name).ThrowIfFailed();
        return function;
    }

    private protected override CudaResult Destroy(nint value) => Driver.cuModuleUnload(new CudaModuleHandle(value));
}
