using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    // Count, mean and squared deviations; sum dy and sum dy * (x - mean).
    private const int MomentsBytes = 3 * sizeof(double);
    private const int GradientSumsBytes = 2 * sizeof(double);

    private const int FinishThreads = 32;

    internal static readonly KernelFile BatchNormFile = new("batch_norm.cu");

    /// <inheritdoc/>
    public override void BatchNormForward(in BatchNormForwardArgs args)
    {
        if (args.Geometry.IsRows)
        {
            ForwardOfRows(in args);
            return;
        }

        using var scope = Enter();
        var g = args.Geometry;
        var (pack, slices) = ShareOut(g, args.Input, args.Output);
        if (ThreadsOfChannel(g, pack, args.Running) is not 0 and var threads)
        {
            ForwardOfChannels(
                threads, g, pack, args.Input, args.Gamma, args.Beta, addend: null, rectifies: false, args.Output,
                Results(args.Epsilon, args.Running, args.Mean, args.InvStd));
            return;
        }

        ComputeStatistics(g, pack, slices, args.Input, args.Epsilon, args.Running, args.Mean, args.InvStd);
        Normalize(g, pack, slices, Saved(args.Mean, args.InvStd), args.Input, args.Gamma, args.Beta, args.Output);
    }

    /// <inheritdoc/>
    public override void BatchNormBackward(in BatchNormBackwardArgs args)
    {
        if (args.Geometry.IsRows)
        {
            BackwardOfRows(in args);
            return;
        }

        using var scope = Enter();
        var g = args.Geometry;
        var statistics = Saved(args.Mean, args.InvStd);
        var (pack, slices) = ShareOut(g, args.Input, args.GradOutput, args.GradInput);
        if (ThreadsOfChannel(g, pack) is not 0 and var threads)
        {
            BackwardOfChannels(
                threads, g, pack, statistics, args.Input, args.Gamma, beta: null, args.GradOutput, rectifies: false,
                args.GradInput, args.GradGamma, args.GradBeta);
            return;
        }

        var sums = ReduceGradients(
            g, pack, slices, statistics, args.Input, args.GradOutput, args.GradGamma, args.GradBeta);
        if (args.GradInput is not null)
            InputGradient(
                g, pack, slices, statistics, args.Input, args.Gamma, args.GradOutput, sums, args.GradInput);
    }

    /// <inheritdoc/>
    public override void BatchNormFrozenForward(in BatchNormFrozenForwardArgs args)
    {
        if (args.Geometry.IsRows)
        {
            FrozenForwardOfRows(in args);
            return;
        }

        using var scope = Enter();
        var g = args.Geometry;
        var (pack, slices) = ShareOut(g, args.Input, args.Output);
        Normalize(
            g, pack, slices, Given(args.Mean, args.Variance, args.Epsilon), args.Input, args.Gamma, args.Beta,
            args.Output);
    }

    /// <inheritdoc/>
    public override void BatchNormFrozenBackward(in BatchNormFrozenBackwardArgs args)
    {
        if (args.Geometry.IsRows)
        {
            FrozenBackwardOfRows(in args);
            return;
        }

        using var scope = Enter();
        var g = args.Geometry;
        var statistics = Given(args.Mean, args.Variance, args.Epsilon);
        var (pack, slices) = ShareOut(g, args.Input, args.GradOutput, args.GradInput);
        if (args.GradGamma is not null || args.GradBeta is not null)
            ReduceGradients(g, pack, slices, statistics, args.Input, args.GradOutput, args.GradGamma, args.GradBeta);
        if (args.GradInput is not null)
            FrozenInputGradient(g, pack, slices, statistics, args.Gamma, args.GradOutput, args.GradInput);
    }

    private BoundKernel BatchNormKernel(string name, DType dtype, int pack) =>
        Kernel(BatchNormFile, name, dtype, [new KernelConstant("PACK", pack)]);

    /// <summary>How many elements a thread loads at a time, and how the channels are shared out.</summary>
    private (int Pack, ChannelSlices Slices) ShareOut(
        BatchNormGeometry g, Tensor first, params ReadOnlySpan<Tensor?> others)
    {
        var pack = 16 / first.DType.Size();
        var isAligned = IsAligned(first, pack);
        foreach (var other in others)
            isAligned &= other is null || IsAligned(other, pack);
        if (g.Spatial % pack != 0 || ChannelSlices.TakesColumns(g.Spatial) || !isAligned)
            pack = 1;
        return (pack, ChannelSlices.Of(g.Batch, g.Channels, g.Spatial, pack, WantedBlocks));
    }

    /// <summary>Blocks that keep every multiprocessor busy while others wait for memory. A multiprocessor of an H100 needs
    /// some 20 KB under way to take its share of what the L2 cache gives: 4 blocks of 128 threads, each with 4 loads of 16
    /// bytes under way, are 32 KB, and more blocks only begin more often.</summary>
    private long WantedBlocks => 4L * MultiprocessorCount;

    private BatchNormStatistics Saved(Tensor mean, Tensor invStd) =>
        new(AddressOf(mean), AddressOf(invStd), 0, 0, 0);

    private BatchNormStatistics Given(Tensor mean, Tensor variance, double epsilon) =>
        new(0, 0, AddressOf(mean), AddressOf(variance), epsilon);

    private BatchStatistics Results(double epsilon, RunningStatistics? running, Tensor mean, Tensor invStd) =>
        new(
            AddressOf(mean), AddressOf(invStd), AddressOrNull(running?.Mean), AddressOrNull(running?.Variance),
            AddressOrNull(running?.BatchesTracked),
            // Negative stands for the cumulative average.
            running?.Momentum ?? -1.0, epsilon, running is { Unbiased: true } ? 1 : 0);

    private nint AddressOrNull(Tensor? tensor) => tensor is null ? 0 : AddressOf(tensor);

    /// <summary>Counters with which the last block of every channel finishes it, or none, where its parts are left to a
    /// kernel of their own: columns hold several parts of a channel each, and counters are not without end.</summary>
    private nint ChannelCounters(int channels, ChannelSlices slices)
    {
        if (slices.InColumns != 0 || (slices.Slices > 1 && channels > MaxCounters))
            return 0;
        // A single slice is the last of its channel, and counts nothing.
        return Counters(slices.Slices > 1 ? channels : 0);
    }

    /// <summary>Writes mean and deviation of the batch, and moves the running statistics.</summary>
    private void ComputeStatistics(
        BatchNormGeometry g, int pack, ChannelSlices slices, Tensor input, double epsilon, RunningStatistics? running,
        Tensor mean, Tensor invStd)
    {
        var results = Results(epsilon, running, mean, invStd);
        if (ThreadsOfChannel(g, pack, running) is not 0 and var threads)
        {
            ForwardOfChannels(
                threads, g, pack, input, gamma: null, beta: null, addend: null, rectifies: false, output: null, results);
            return;
        }

        var partsPerChannel = slices.PartsPerChannel(g.Spatial);
        var parts = Scratch(g.Channels * partsPerChannel * MomentsBytes);
        // A cumulative average reads the number of batches, which must have been counted up by then.
        var isCumulative = running is { Momentum: null };
        var counters = isCumulative ? 0 : ChannelCounters(g.Channels, slices);
        BatchNormKernel("batch_norm_stats", input.DType, pack).Launch(
            slices.Blocks(g.Channels, g.Spatial), ChannelSlices.Threads,
            [
                KernelArgument.Struct(&g), KernelArgument.Struct(&slices), input, parts, counters,
                KernelArgument.Struct(&results),
            ]);
        if (counters == 0)
            FinishStatistics(g.Channels, parts, partsPerChannel, input.DType, results);
    }

    private void FinishStatistics(
        int channels, nint parts, long partsPerChannel, DType dtype, BatchStatistics results) =>
        BatchNormKernel("batch_norm_finish_stats", dtype, pack: 1).Launch(
            channels, FinishThreads, [parts, partsPerChannel, KernelArgument.Struct(&results)]);

    private void Normalize(
        BatchNormGeometry g, int pack, ChannelSlices slices, BatchNormStatistics statistics, Tensor input, Tensor? gamma,
        Tensor? beta, Tensor output) =>
        BatchNormKernel("batch_norm_normalize", input.DType, pack).Launch(
            slices.Blocks(g.Channels, g.Spatial), ChannelSlices.Threads,
            [
                KernelArgument.Struct(&g), KernelArgument.Struct(&slices), KernelArgument.Struct(&statistics), input,
                gamma, beta, output,
            ]);

    private void InputGradient(
        BatchNormGeometry g, int pack, ChannelSlices slices, BatchNormStatistics statistics, Tensor input, Tensor? gamma,
        Tensor gradOutput, nint sums, Tensor gradInput) =>
        BatchNormKernel("batch_norm_backward_input", input.DType, pack).Launch(
            slices.Blocks(g.Channels, g.Spatial), ChannelSlices.Threads,
            [
                KernelArgument.Struct(&g), KernelArgument.Struct(&slices), KernelArgument.Struct(&statistics), input,
                gamma, gradOutput, sums, gradInput,
            ]);

    private void FrozenInputGradient(
        BatchNormGeometry g, int pack, ChannelSlices slices, BatchNormStatistics statistics, Tensor? gamma,
        Tensor gradOutput, Tensor gradInput) =>
        BatchNormKernel("batch_norm_frozen_backward_input", gradOutput.DType, pack).Launch(
            slices.Blocks(g.Channels, g.Spatial), ChannelSlices.Threads,
            [
                KernelArgument.Struct(&g), KernelArgument.Struct(&slices), KernelArgument.Struct(&statistics), gamma,
                gradOutput, gradInput,
            ]);

    /// <summary>Writes the gradients of gamma and beta.</summary>
    /// <returns>The sums of every channel, for the gradient of the input.</returns>
    private nint ReduceGradients(
        BatchNormGeometry g, int pack, ChannelSlices slices, BatchNormStatistics statistics, Tensor input,
        Tensor gradOutput, Tensor? gradGamma, Tensor? gradBeta)
    {
        var partsPerChannel = slices.PartsPerChannel(g.Spatial);
        var parts = GradientScratch(g.Channels, partsPerChannel, gradGamma, gradBeta, out var results);
        var counters = ChannelCounters(g.Channels, slices);
        BatchNormKernel("batch_norm_backward_reduce", input.DType, pack).Launch(
            slices.Blocks(g.Channels, g.Spatial), ChannelSlices.Threads,
            [
                KernelArgument.Struct(&g), KernelArgument.Struct(&slices), KernelArgument.Struct(&statistics), input,
                gradOutput, parts, counters, KernelArgument.Struct(&results),
            ]);
        if (counters == 0)
            FinishGradients(g.Channels, parts, partsPerChannel, statistics, input.DType, results);
        return results.Sums;
    }

    /// <summary>Scratch for the sums of parts and, behind them, of channels.</summary>
    private nint GradientScratch(
        int channels, long partsPerChannel, Tensor? gradGamma, Tensor? gradBeta, out ChannelGradients results)
    {
        var parts = Scratch((partsPerChannel + 1) * channels * GradientSumsBytes);
        results = new ChannelGradients(
            parts + (nint)(partsPerChannel * channels * GradientSumsBytes), AddressOrNull(gradGamma),
            AddressOrNull(gradBeta));
        return parts;
    }

    private void FinishGradients(
        int channels, nint parts, long partsPerChannel, BatchNormStatistics statistics, DType dtype,
        ChannelGradients results) =>
        BatchNormKernel("batch_norm_finish_gradients", dtype, pack: 1).Launch(
            channels, FinishThreads,
            [parts, partsPerChannel, KernelArgument.Struct(&statistics), KernelArgument.Struct(&results)]);
}
