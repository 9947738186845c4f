using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    private const int FillThreads = 256;

    internal static readonly KernelFile FillFile = new("fill.cu");

    // The numbers are the CPU's bit for bit, so each operation rounds as it does there.
    internal static readonly KernelFile RandomFillFile = new("random_fill.cu", FusesMultiplyAdd: false);

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
    public override void FillUniform(in RandomFillArgs args) => FillRandom("fill_uniform", in args);

    /// <inheritdoc/>
    public override void FillNormal(in RandomFillArgs args) => FillRandom("fill_normal", in args);

    private void FillRandom(string kernel, in RandomFillArgs args)
    {
        using var scope = Enter();
        var elements = args.Destination.ElementCount;
        // A thread makes two elements from one block of the generator.
        Kernel(RandomFillFile, kernel, args.Destination.DType).Launch(
            BlocksFor(elements, 2 * FillThreads), FillThreads,
            [args.Seed, args.Stream, args.First, args.Second, elements, args.Destination]);
    }
}
