using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public override void BatchNormAddReLUForward(in BatchNormAddReLUForwardArgs args)
    {
        lock (_gate)
            For(args.Normalization.Input.DType).BatchNormAddReLUForward(in args);
    }

    /// <inheritdoc/>
    public override void BatchNormAddReLUBackward(in BatchNormAddReLUBackwardArgs args)
    {
        lock (_gate)
            For(args.Normalization.Input.DType).BatchNormAddReLUBackward(in args);
    }

    /// <inheritdoc/>
    public override void BatchNormFrozenAddReLUForward(in BatchNormFrozenAddReLUForwardArgs args)
    {
        lock (_gate)
            For(args.Normalization.Input.DType).BatchNormFrozenAddReLUForward(in args);
    }

    /// <inheritdoc/>
    public override void BatchNormFrozenAddReLUBackward(in BatchNormFrozenAddReLUBackwardArgs args)
    {
        lock (_gate)
            For(args.Normalization.Input.DType).BatchNormFrozenAddReLUBackward(in args);
    }
}

internal abstract partial class CpuOperators
{
    public abstract void BatchNormAddReLUForward(in BatchNormAddReLUForwardArgs args);

    public abstract void BatchNormAddReLUBackward(in BatchNormAddReLUBackwardArgs args);

    public abstract void BatchNormFrozenAddReLUForward(in BatchNormFrozenAddReLUForwardArgs args);

    public abstract void BatchNormFrozenAddReLUBackward(in BatchNormFrozenAddReLUBackwardArgs args);
}

// Sweeps, slices and groups of channels are those of batch norm by itself, and every value goes through the same roundings as
// in the chain of operators: results are the same to the last bit. What the rectifier let through is known from the output
// where something was added, else from the input, which is read anyhow.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    public override void BatchNormAddReLUForward(in BatchNormAddReLUForwardArgs args)
    {
        var norm = args.Normalization;
        if (norm.Geometry.IsRows)
        {
            ForwardOfRows(in norm, args.Addend, args.Rectifies);
            return;
        }

        var g = InOnePiece(norm.Geometry);
        var finish = new FinishStatistics(
            norm.Gamma, norm.Beta, norm.Epsilon, norm.Running, norm.Mean, norm.InvStd);
        var constants = _constants.Get<NormalizeConstants>(g.Channels);
        foreach (var (first, count) in new ChannelGroups(g, ChannelGroupBytes / sizeof(T)))
        {
            ComputeStatistics(g, first, count, Data(norm.Input), finish, constants);
            NormalizeAddReLU(
                new ChannelPlanes(g, first, count), Data(norm.Input), constants, DataOrNull(args.Addend), args.Rectifies,
                Data(norm.Output));
        }
    }

    public override void BatchNormAddReLUBackward(in BatchNormAddReLUBackwardArgs args)
    {
        var norm = args.Normalization;
        if (norm.Geometry.IsRows)
        {
            BackwardOfRows(in args);
            return;
        }

        var g = InOnePiece(norm.Geometry);
        var finish = new FinishGradients(
            g, norm.Gamma, norm.Mean, norm.InvStd, norm.GradGamma, norm.GradBeta);
        var means = (double*)norm.Mean.Address;
        T* input = Data(norm.Input), gradOutput = Data(norm.GradOutput), gradInput = DataOrNull(norm.GradInput);
        var kept = new Rectified(args.Sum);
        var forwards = RectifiedConstants(g, norm.Gamma, args.Beta, means, (double*)norm.InvStd.Address);
        var constants = (InputGradientConstants*)(forwards + g.Channels);
        foreach (var (first, count) in new ChannelGroups(g, ChannelGroupBytes / (2 * sizeof(T))))
        {
            var slices = SlicesOf(g, first, count);
            var partials = ReduceRectified(slices, g, input, kept, gradOutput, means, forwards);
            for (var channel = 0; channel < count; channel++)
                constants[first + channel] = finish.Run(first + channel, SumSlices(slices, channel, partials));
            if (gradInput == null)
                continue;
            var planes = new ChannelPlanes(g, first, count);
            if (kept.IsStored)
            {
                var job = new InputGradientJob(planes, input, kept.GradAddend, constants, gradInput);
                _pool.Run(ref job, job.Chunks);
            }
            else
            {
                var job = new RectifiedInputGradientJob(planes, input, gradOutput, forwards, constants, gradInput);
                _pool.Run(ref job, job.Chunks);
            }
        }
    }

    public override void BatchNormFrozenAddReLUForward(in BatchNormFrozenAddReLUForwardArgs args)
    {
        var norm = args.Normalization;
        if (norm.Geometry.IsRows)
        {
            FrozenForwardOfRows(in norm, args.Addend, args.Rectifies);
            return;
        }

        var g = InOnePiece(norm.Geometry);
        var means = FrozenStatistics(g, norm.Mean, norm.Variance, norm.Epsilon);
        NormalizeAddReLU(
            new ChannelPlanes(g, 0, g.Channels), Data(norm.Input),
            Constants(g, DataOrNull(norm.Gamma), DataOrNull(norm.Beta), means, means + g.Channels),
            DataOrNull(args.Addend), args.Rectifies, Data(norm.Output));
    }

    public override void BatchNormFrozenAddReLUBackward(in BatchNormFrozenAddReLUBackwardArgs args)
    {
        var norm = args.Normalization;
        if (norm.Geometry.IsRows)
        {
            FrozenBackwardOfRows(in args);
            return;
        }

        var g = InOnePiece(norm.Geometry);
        var means = FrozenStatistics(g, norm.Mean, norm.Variance, norm.Epsilon);
        var invStds = means + g.Channels;
        T* input = Data(norm.Input), gradOutput = Data(norm.GradOutput);
        var kept = new Rectified(args.Sum);
        var forwards = RectifiedConstants(g, norm.Gamma, args.Beta, means, invStds);
        if (norm.GradGamma is not null || norm.GradBeta is not null)
        {
            var slices = SlicesOf(g, 0, g.Channels);
            var partials = ReduceRectified(slices, g, input, kept, gradOutput, means, forwards);
            for (var channel = 0; channel < g.Channels; channel++)
            {
                var sums = SumSlices(slices, channel, partials);
                StoreGradients(norm.GradGamma, norm.GradBeta, channel, sums.Gradient, sums.Product * invStds[channel]);
            }
        }
        else if (kept.IsStored)
        {
            var job = new ReLUBackwardJob(kept.Output, gradOutput, kept.GradAddend, norm.Input.ElementCount);
            _pool.Run(ref job, ElementChunks(norm.Input.ElementCount));
        }

        if (norm.GradInput is not { } gradInput)
            return;
        if (kept.IsStored)
        {
            // As batch norm by itself: a normalization of the gradient with mean and beta of 0.
            new Span<double>(means, g.Channels).Clear();
            Normalize(g, kept.GradAddend, DataOrNull(norm.Gamma), null, means, invStds, Data(gradInput));
        }
        else
        {
            var job = new RectifiedSlopeJob(
                new ChannelPlanes(g, 0, g.Channels), input, gradOutput, forwards, Data(gradInput));
            _pool.Run(ref job, job.Chunks);
        }
    }

    /// <summary>What normalized each channel, with room for as many constants of the input gradient behind.</summary>
    private NormalizeConstants* RectifiedConstants(
        BatchNormGeometry g, Tensor? gamma, Tensor? beta, double* means, double* invStds)
    {
        var constants = _constants.Get<byte>(
            (long)g.Channels * (sizeof(NormalizeConstants) + sizeof(InputGradientConstants)));
        var forwards = (NormalizeConstants*)constants;
        for (var channel = 0; channel < g.Channels; channel++)
            forwards[channel] = ConstantsOf(
                DataOrNull(gamma), DataOrNull(beta), channel, means[channel], invStds[channel]);
        return forwards;
    }

    private GradientSums* ReduceRectified(
        ChannelSlices slices, BatchNormGeometry g, T* input, Rectified kept, T* gradOutput, double* means,
        NormalizeConstants* forwards)
    {
        var partials = _shared.Get<GradientSums>(slices.Count);
        var reduce = new ReduceRectifiedJob(this, slices, g.Spatial, input, kept, gradOutput, means, forwards, partials);
        _pool.Run(ref reduce, slices.BlockCount);
        return partials;
    }

    /// <summary>The output, from which is known what the rectifier let through, and the gradient that it lets through; null
    /// where nothing was added.</summary>
    private readonly struct Rectified(RectifiedSum? sum)
    {
        public readonly T* Output = DataOrNull(sum?.Output);
        public readonly T* GradAddend = DataOrNull(sum?.GradAddend);

        public bool IsStored => GradAddend != null;
    }
}
