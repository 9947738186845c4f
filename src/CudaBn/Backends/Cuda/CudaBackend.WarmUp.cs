using System.Runtime.ExceptionServices;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    /// <summary>Compiles the kernels of an element type that were not compiled on this machine before, several at a time.
    /// Without this call each is compiled when it is first used, one after the other. Two kinds are compiled when a layer
    /// first needs them even so: convolutions of images in groups of few channels, without dilation, in steps of one or two
    /// and of at most 49 places; and others of more than 32 places.</summary>
    /// <param name="dtype">Float32 or Float64.</param>
    /// <exception cref="ArgumentException">The element type is an integer type.</exception>
    /// <exception cref="KernelCompilationException">A kernel does not compile.</exception>
    public void WarmUp(DType dtype = DType.Float32)
    {
        if (!dtype.IsReal())
            throw new ArgumentException($"Kernels compute in Float32 or Float64, not in {dtype}.", nameof(dtype));
        var vector = 16 / dtype.Size();
        (KernelFile File, KernelConstant[] Constants)[] variants =
        [
            // The largest first, so that none is left over when all others are done.
            .. ConvTile.All.Select(tile => (ConvFile, tile.NearConstants.ToArray())),
            (ActivationFile, []),
            (AdamFile, []),
            (AdaptiveAvgPoolFile, []),
            (AddFile, []),
            (AvgPoolFile, []),
            (BatchNormFile, [new("PACK", 1)]),
            (BatchNormFile, [new("PACK", vector)]),
            (BatchNormAddReLUFile, [new("PACK", 1)]),
            (BatchNormAddReLUFile, [new("PACK", vector)]),
            (BatchNormChannelFile, [new("PACK", 1)]),
            (BatchNormChannelFile, [new("PACK", vector)]),
            (BatchNormRowsFile, [new("PACK", 1)]),
            (BatchNormRowsFile, [new("PACK", vector)]),
            (BatchNormRowsAddReLUFile, [new("PACK", 1)]),
            (BatchNormRowsAddReLUFile, [new("PACK", vector)]),
            (BatchNormReLUMaxPoolFile, []),
            (ConvSumSplitsFile, []),
            (ConvOneChannelFile, []),
            (ConvSmallGroupsFile, []),
            (DropoutFile, []),
            (FillFile, []),
            (FirstNonFiniteFile, []),
            (GatherBatchFile, []),
            (GemmFile, []),
            (GlobalAvgPoolFile, []),
            (GradientNormFile, []),
            (LinearFile, []),
            (MaxPoolFile, []),
            (MeanSquaredErrorFile, []),
            (RandomFillFile, []),
            (ReLUFile, []),
            (SgdFile, []),
            (SoftmaxCrossEntropyFile, []),
        ];
        try
        {
            Parallel.ForEach(variants, variant => _modules.Image(variant.File, dtype, variant.Constants));
        }
        catch (AggregateException faults)
        {
            // Of several, the first says enough; its own trace is kept.
            ExceptionDispatchInfo.Throw(faults.InnerExceptions[0]);
        }
    }
}
