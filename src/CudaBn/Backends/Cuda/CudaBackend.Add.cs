using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    private const int AddThreads = 256;

    private static readonly KernelFile AddFile = new("add.cu");

    /// <inheritdoc/>
    public override void Add(in AddArgs args)
    {
        using var scope = Enter();
        var elements = args.Sum.ElementCount;
        Kernel(AddFile, "add", args.Sum.DType).Launch(
            BlocksFor(elements, 4 * AddThreads), AddThreads, [args.Left, args.Right, elements, args.Rectifies ? 1 : 0, args.Sum]);
    }
}
