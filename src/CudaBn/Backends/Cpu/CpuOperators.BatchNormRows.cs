using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

// Batch normalization of matrices [N, C], and so of images whose channels come last: lanes are neighbouring channels, and rows
// are swept in the order of memory. The sums of a channel are taken around one origin, which every chunk shares, so that the
// chunks' sums simply add up. Should the origin turn out farther than a deviation from the mean, the matrix is swept once
// more around the mean.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>Constants of the channels: three of the normalization, then five of the gradient of the input.</summary>
    private const int ForwardConstants = 3, BackwardConstants = 5;

    private void ForwardOfRows(in BatchNormForwardArgs args, Tensor? addend = null, bool rectifies = false)
    {
        var g = args.Geometry;
        var rows = new ChannelRows(g);
        var input = Data(args.Input);
        var finish = new FinishStatistics(
            args.Gamma, args.Beta, args.Epsilon, args.Running, args.Mean, args.InvStd);
        var moments = MomentsOfRows(g, rows, input);
        var constants = _constants.Get<T>((long)ForwardConstants * rows.Padded);
        var job = new FinishStatisticsOfRowsJob(rows, finish, moments, constants);
        _pool.Run(ref job, job.Chunks);
        Repeat(constants, ForwardConstants, rows);
        NormalizeAddReLU(rows, input, constants, DataOrNull(addend), rectifies, Data(args.Output));
    }

    private void FrozenForwardOfRows(in BatchNormFrozenForwardArgs args, Tensor? addend = null, bool rectifies = false)
    {
        var g = args.Geometry;
        var rows = new ChannelRows(g);
        var means = FrozenStatistics(g, args.Mean, args.Variance, args.Epsilon);
        var constants = ConstantsOfRows(rows, args.Gamma, args.Beta, means, means + g.Channels);
        NormalizeAddReLU(rows, Data(args.Input), constants, DataOrNull(addend), rectifies, Data(args.Output));
    }

    private void BackwardOfRows(in BatchNormBackwardArgs args)
    {
        var rows = new ChannelRows(args.Geometry);
        var constants = ConstantsOfRows(rows, in args, beta: null);
        BackwardOfRows(in args, rows, new GivenGradients(Data(args.GradOutput)), constants);
    }

    private void BackwardOfRows(in BatchNormAddReLUBackwardArgs args)
    {
        var norm = args.Normalization;
        var rows = new ChannelRows(norm.Geometry);
        var constants = ConstantsOfRows(rows, in norm, args.Beta);
        var gradOutput = Data(norm.GradOutput);
        if (args.Sum is { } sum)
            BackwardOfRows(in norm, rows, new KeptGradients(new Rectified(sum), gradOutput), constants);
        else
            BackwardOfRows(in norm, rows, new PassedGradients(gradOutput, constants, rows.Padded), constants);
    }

    private void FrozenBackwardOfRows(in BatchNormFrozenBackwardArgs args)
    {
        var g = args.Geometry;
        var rows = new ChannelRows(g);
        var means = FrozenStatistics(g, args.Mean, args.Variance, args.Epsilon);
        var constants = ConstantsOfRows(rows, args.Gamma, null, means, means + g.Channels);
        FrozenBackwardOfRows(in args, rows, new GivenGradients(Data(args.GradOutput)), means, constants);
    }

    private void FrozenBackwardOfRows(in BatchNormFrozenAddReLUBackwardArgs args)
    {
        var norm = args.Normalization;
        var g = norm.Geometry;
        var rows = new ChannelRows(g);
        var means = FrozenStatistics(g, norm.Mean, norm.Variance, norm.Epsilon);
        var constants = ConstantsOfRows(rows, norm.Gamma, args.Beta, means, means + g.Channels);
        var gradOutput = Data(norm.GradOutput);
        if (args.Sum is not { } sum)
        {
            FrozenBackwardOfRows(
                in norm, rows, new PassedGradients(gradOutput, constants, rows.Padded), means, constants);
            return;
        }

        var kept = new Rectified(sum);
        if (norm.GradGamma is null && norm.GradBeta is null)
        {
            // What stores the addend's gradient otherwise is the sweep for these.
            var job = new ReLUBackwardJob(kept.Output, gradOutput, kept.GradAddend, norm.Input.ElementCount);
            _pool.Run(ref job, ElementChunks(norm.Input.ElementCount));
        }

        FrozenBackwardOfRows(in norm, rows, new KeptGradients(kept, gradOutput), means, constants);
    }

    private void BackwardOfRows<TGradients>(
        in BatchNormBackwardArgs args, ChannelRows rows, TGradients gradients, T* constants)
        where TGradients : struct, IRowGradients
    {
        var input = Data(args.Input);
        var finish = new FinishGradients(
            args.Geometry, args.Gamma, args.Mean, args.InvStd, args.GradGamma, args.GradBeta);
        var sums = GradientSumsOfRows(rows, input, gradients, constants, (double*)args.Mean.Address);
        constants += (long)ForwardConstants * rows.Padded;
        var finishRows = new FinishGradientsOfRowsJob(rows, finish, sums, constants);
        _pool.Run(ref finishRows, finishRows.Chunks);
        if (args.GradInput is not { } gradInput)
            return;
        Repeat(constants, BackwardConstants, rows);
        Sweep(rows, new InputGradientRows<TGradients>(rows, input, gradients, constants, Data(gradInput)));
    }

    private void FrozenBackwardOfRows<TGradients>(
        in BatchNormFrozenBackwardArgs args, ChannelRows rows, TGradients gradients, double* means, T* constants)
        where TGradients : struct, IRowGradients
    {
        var input = Data(args.Input);
        if (args.GradGamma is not null || args.GradBeta is not null)
        {
            var sums = GradientSumsOfRows(rows, input, gradients, constants, means);
            var invStds = means + rows.Channels;
            for (var channel = 0; channel < rows.Channels; channel++)
                StoreGradients(
                    args.GradGamma, args.GradBeta, channel, sums[channel].Gradient,
                    sums[channel].Product * invStds[channel]);
        }

        if (args.GradInput is { } gradInput)
            Sweep(rows, new SlopeRows<TGradients>(rows, input, gradients, constants, Data(gradInput)));
    }

    private T* ConstantsOfRows(ChannelRows rows, in BatchNormBackwardArgs args, Tensor? beta) =>
        ConstantsOfRows(rows, args.Gamma, beta, (double*)args.Mean.Address, (double*)args.InvStd.Address);

    /// <summary>What normalizes every column, with room for the constants of the input gradient behind.</summary>
    private T* ConstantsOfRows(ChannelRows rows, Tensor? gamma, Tensor? beta, double* means, double* invStds)
    {
        var constants = _constants.Get<T>((long)(ForwardConstants + BackwardConstants) * rows.Padded);
        for (var channel = 0; channel < rows.Channels; channel++)
            Put(
                ConstantsOf(DataOrNull(gamma), DataOrNull(beta), channel, means[channel], invStds[channel]), constants,
                rows, channel);
        Repeat(constants, ForwardConstants, rows);
        return constants;
    }

    private Moments* MomentsOfRows(BatchNormGeometry g, ChannelRows rows, T* input)
    {
        // Behind the moments, for every channel: two sums.
        var moments = (Moments*)_packed.Get<double>(5L * g.Channels);
        var sums = (double*)(moments + g.Channels);
        var squares = sums + g.Channels;
        var origins = _constants.Get<T>(rows.Padded);
        var choose = new ChooseOriginsJob(g, rows, input, origins);
        _pool.Run(ref choose, choose.Chunks);
        SumDeviations(rows, input, origins, sums, squares);

        double count = g.Batch;
        var isFar = false;
        for (var channel = 0; channel < g.Channels; channel++)
        {
            // NaN comes here too.
            if (sums[channel] * sums[channel] / count <= squares[channel] / 2)
                continue;
            origins[channel] += T.CreateTruncating(sums[channel] / count);
            isFar = true;
        }

        // The other channels' origins are as before, and so are their sums.
        if (isFar)
            SumDeviations(rows, input, origins, sums, squares);
        for (var channel = 0; channel < g.Channels; channel++)
        {
            var mean = sums[channel] / count;
            moments[channel] = double.IsFinite(squares[channel])
                ? new Moments(
                    count, double.CreateTruncating(origins[channel]) + mean,
                    Math.Max(0, squares[channel] - mean * sums[channel]))
                : MomentsOfHugeColumn(g, input + channel);
        }

        return moments;
    }

    // Squares of values beyond 1e19 leave the range of a float, not that of a double.
    private static Moments MomentsOfHugeColumn(BatchNormGeometry g, T* column)
    {
        double count = g.Batch, mean = 0, squares = 0;
        for (long row = 0; row < g.Batch; row++)
            mean += double.CreateTruncating(column[row * g.Channels]) / count;
        for (long row = 0; row < g.Batch; row++)
        {
            var deviation = double.CreateTruncating(column[row * g.Channels]) - mean;
            squares += deviation * deviation;
        }

        return new Moments(count, mean, squares);
    }

    /// <summary>The sums of x - origin and of its square, channel by channel.</summary>
    private void SumDeviations(ChannelRows rows, T* input, T* origins, double* sums, double* squares)
    {
        Repeat(origins, 1, rows);
        var partials = _shared.Get<T>(2L * rows.RowParts * rows.Padded);
        var job = new DeviationSumsJob(rows, input, origins, partials);
        _pool.Run(ref job, rows.Count);
        Fold(rows, partials, sums, squares);
    }

    /// <summary>The sums of every channel, around what the constants of the columns begin with: the means, rounded.</summary>
    private GradientSums* GradientSumsOfRows<TGradients>(
        ChannelRows rows, T* input, TGradients rowGradients, T* constants, double* means)
        where TGradients : struct, IRowGradients
    {
        // Two sums of every channel, together and one by one, and behind them those of the chunks.
        var sums = _shared.Get<double>(
            4L * rows.Channels + CeilDiv(2L * rows.RowParts * rows.Padded * sizeof(T), sizeof(double)));
        double* gradients = sums + 2L * rows.Channels, products = gradients + rows.Channels;
        var partials = (T*)(products + rows.Channels);
        var job = new GradientSumsJob<TGradients>(rows, input, rowGradients, constants, partials);
        _pool.Run(ref job, rows.Count);
        Fold(rows, partials, gradients, products);
        var result = (GradientSums*)sums;
        for (var channel = 0; channel < rows.Channels; channel++)
            result[channel] = new GradientSums(
                gradients[channel], products[channel] - Split(means[channel]).Low * gradients[channel]);
        return result;
    }

    /// <summary>Adds up what the chunks left of every column, in double and always in the same order.</summary>
    private void Fold(ChannelRows rows, T* partials, double* first, double* second)
    {
        var job = new FoldColumnsJob(rows, partials, first, second);
        _pool.Run(ref job, job.Chunks);
    }

    /// <summary>Repeats so many values of every channel for every further row that a row here is made of.</summary>
    private static void Repeat(T* columns, int values, ChannelRows rows)
    {
        for (var i = 0; i < values; i++, columns += rows.Padded)
        {
            for (var copied = rows.Channels; copied < rows.Columns; copied += rows.Channels)
                new ReadOnlySpan<T>(columns, rows.Channels).CopyTo(new Span<T>(columns + copied, rows.Channels));
        }
    }

    private static void Put(NormalizeConstants c, T* constants, ChannelRows rows, int channel)
    {
        constants[channel] = c.Mean;
        constants[rows.Padded + channel] = c.Scale;
        constants[2L * rows.Padded + channel] = c.Shift;
    }

    /// <summary>Saved and running statistics, and what normalizes. There may be more channels than rows.</summary>
    private readonly struct FinishStatisticsOfRowsJob(
        ChannelRows rows, FinishStatistics finish, Moments* moments, T* constants) : IChunkJob
    {
        public int Chunks => rows.ChannelParts;

        public void Run(int chunk, int worker)
        {
            var (first, end) = rows.ChannelsOf(chunk);
            for (var channel = first; channel < end; channel++)
                Put(finish.Run(channel, moments[channel]), constants, rows, channel);
        }
    }

    private readonly struct FinishGradientsOfRowsJob(
        ChannelRows rows, FinishGradients finish, GradientSums* sums, T* constants) : IChunkJob
    {
        public int Chunks => rows.ChannelParts;

        public void Run(int chunk, int worker)
        {
            var (first, end) = rows.ChannelsOf(chunk);
            for (var channel = first; channel < end; channel++)
            {
                var c = finish.Run(channel, sums[channel]);
                constants[channel] = c.Mean;
                constants[rows.Padded + channel] = c.InvStd;
                constants[2L * rows.Padded + channel] = c.Offset;
                constants[3L * rows.Padded + channel] = c.Slope;
                constants[4L * rows.Padded + channel] = c.Scale;
            }
        }
    }
}
