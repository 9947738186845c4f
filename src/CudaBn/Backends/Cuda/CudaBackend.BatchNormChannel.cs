using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    // As in kernels/batch_norm_channel.cu.
    private const int MaxChannelThreads = 512;
    private const int ChannelVisits = 8;

    internal static readonly KernelFile BatchNormChannelFile = new("batch_norm_channel.cu");

    /// <summary>How many threads hold a channel in their registers, or 0 if a block has too few for that.</summary>
    private static int ThreadsOfChannel(BatchNormGeometry g, int pack)
    {
        var visits = g.Batch * (g.Spatial / pack);
        if (ChannelSlices.TakesColumns(g.Spatial) || visits > MaxChannelThreads * ChannelVisits)
            return 0;
        var threads = ChannelSlices.Threads;
        while (threads * ChannelVisits < visits)
            threads *= 2;
        return threads;
    }

    /// <summary>The same for statistics: a cumulative average reads the number of batches, which must have been counted up by
    /// then.</summary>
    private static int ThreadsOfChannel(BatchNormGeometry g, int pack, RunningStatistics? running) =>
        running is { Momentum: null } ? 0 : ThreadsOfChannel(g, pack);

    private BoundKernel BatchNormChannelKernel(string name, DType dtype, int pack) =>
        Kernel(BatchNormChannelFile, name, dtype, [new KernelConstant("PACK", pack)]);

    /// <summary>Statistics and, unless there is no output, what is made with them.</summary>
    private void ForwardOfChannels(
        int threads, BatchNormGeometry g, int pack, Tensor input, Tensor? gamma, Tensor? beta, Tensor? addend,
        bool rectifies, Tensor? output, BatchStatistics results)
    {
        if (addend is null)
        {
            BatchNormChannelKernel("batch_norm_channel_forward", input.DType, pack).Launch(
                g.Channels, threads,
                [
                    KernelArgument.Struct(&g), input, gamma, beta, rectifies ? 1 : 0, output,
                    KernelArgument.Struct(&results),
                ]);
        }
        else
        {
            BatchNormChannelKernel("batch_norm_channel_add_forward", input.DType, pack).Launch(
                g.Channels, threads,
                [
                    KernelArgument.Struct(&g), input, gamma, beta, addend, rectifies ? 1 : 0, output,
                    KernelArgument.Struct(&results),
                ]);
        }
    }

    private void BackwardOfChannels(
        int threads, BatchNormGeometry g, int pack, BatchNormStatistics statistics, Tensor input, Tensor? gamma,
        Tensor? beta, Tensor gradOutput, bool rectifies, Tensor? gradInput, Tensor? gradGamma, Tensor? gradBeta)
    {
        _ = GradientScratch(g.Channels, partsPerChannel: 0, gradGamma, gradBeta, out var results);
        BatchNormChannelKernel("batch_norm_channel_backward", input.DType, pack).Launch(
            g.Channels, threads,
            [
                KernelArgument.Struct(&g), KernelArgument.Struct(&statistics), input, gamma, beta, gradOutput,
                rectifies ? 1 : 0, gradInput, KernelArgument.Struct(&results),
            ]);
    }
}
