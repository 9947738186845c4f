using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    private const int FillThreads = 256;

    private static readonly KernelFile FillFile = new("fill.cu");

    /// <inheritdoc/>
    public override void Fill(Tensor destination, double value)
    {
        using var scope = Enter();
        var elements = destination.ElementCount;
        Kernel(FillFile, "fill", destination.DType).Launch(
            BlocksFor(elements, 4 * FillThreads), FillThreads,
            [KernelArgument.Real(value, destination.DType), elements, destination]);
    }

    /// <inheritdoc/>
    public override void FillUniform(in RandomFillArgs args) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void FillNormal(in RandomFillArgs args) => throw new NotSupportedException();
}
