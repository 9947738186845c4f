using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

// Batch normalization of matrices [N, C], and so of images whose channels come last: lanes are neighbouring channels, and rows
// are swept in the order of memory. The sums of a channel are taken around one origin, which every chunk shares, so that the
// chunks' sums simply add up. Should the origin turn out farther than a deviation from the mean, the matrix is swept once
// more around the mean.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    private void ForwardOfRows(in BatchNormForwardArgs args)
    {
        var g = args.Geometry;
        var rows = new ChannelRows(g);
        var input = Data(args.Input);
        var finish = new FinishStatistics(
            args.Gamma, args.Beta, args.Epsilon, args.Running, args.Mean, args.InvStd);
        var moments = MomentsOfRows(g, rows, input);
        var constants = _constants.Get<T>(3L * rows.Padded);
        var job = new FinishStatisticsOfRowsJob(rows, finish, moments, constants);
        _pool.Run(ref job, job.Chunks);
        NormalizeRows(rows, input, constants, Data(args.Output));
    }

    private void BackwardOfRows(in BatchNormBackwardArgs args)
    {
        var g = args.Geometry;
        var rows = new ChannelRows(g);
        T* input = Data(args.Input), gradOutput = Data(args.GradOutput);
        var finish = new FinishGradients(
            g, args.Gamma, args.Mean, args.InvStd, args.GradGamma, args.GradBeta);
        var sums = GradientSumsOfRows(rows, input, gradOutput, (double*)args.Mean.Address);
        var constants = _constants.Get<T>(5L * rows.Padded);
        var finishRows = new FinishGradientsOfRowsJob(rows, finish, sums, constants);
        _pool.Run(ref finishRows, finishRows.Chunks);
        if (args.GradInput is not { } gradInput)
            return;
        for (var i = 0; i < 5; i++)
            Repeat(constants + (long)i * rows.Padded, rows);
        var job = new InputGradientRowsJob(rows, input, gradOutput, constants, Data(gradInput));
        _pool.Run(ref job, rows.Count);
    }

    private void FrozenForwardOfRows(in BatchNormFrozenForwardArgs args)
    {
        var g = args.Geometry;
        var rows = new ChannelRows(g);
        var means = FrozenStatistics(g, args.Mean, args.Variance, args.Epsilon);
        NormalizeRows(
            rows, Data(args.Input), args.Gamma, args.Beta, means, means + g.Channels, Data(args.Output));
    }

    private void FrozenBackwardOfRows(in BatchNormFrozenBackwardArgs args)
    {
        var g = args.Geometry;
        var rows = new ChannelRows(g);
        var means = FrozenStatistics(g, args.Mean, args.Variance, args.Epsilon);
        var invStds = means + g.Channels;
        if (args.GradGamma is not null || args.GradBeta is not null)
        {
            var sums = GradientSumsOfRows(rows, Data(args.Input), Data(args.GradOutput), means);
            for (var channel = 0; channel < g.Channels; channel++)
                StoreGradients(
                    args.GradGamma, args.GradBeta, channel, sums[channel].Gradient,
                    sums[channel].Product * invStds[channel]);
        }

        if (args.GradInput is { } gradInput)
        {
            // As for planes: a normalization of gradOutput with mean and beta of 0.
            new Span<double>(means, g.Channels).Clear();
            NormalizeRows(rows, Data(args.GradOutput), args.Gamma, beta: null, means, invStds, Data(gradInput));
        }
    }

    private void NormalizeRows(
        ChannelRows rows, T* input, Tensor? gamma, Tensor? beta, double* means, double* invStds, T* output)
    {
        var constants = _constants.Get<T>(3L * rows.Padded);
        for (var channel = 0; channel < rows.Channels; channel++)
            Put(
                ConstantsOf(DataOrNull(gamma), DataOrNull(beta), channel, means[channel], invStds[channel]), constants,
                rows, channel);
        NormalizeRows(rows, input, constants, output);
    }

    /// <summary>Normalizes with the constants of every channel, which are repeated for the other columns here.</summary>
    private void NormalizeRows(ChannelRows rows, T* input, T* constants, T* output)
    {
        for (var i = 0; i < 3; i++)
            Repeat(constants + (long)i * rows.Padded, rows);
        var job = new NormalizeRowsJob(rows, input, constants, output);
        _pool.Run(ref job, rows.Count);
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
        Repeat(origins, rows);
        var partials = _shared.Get<T>(2L * rows.RowParts * rows.Padded);
        var job = new DeviationSumsJob(rows, input, origins, partials);
        _pool.Run(ref job, rows.Count);
        Fold(rows, partials, sums, squares);
    }

    private GradientSums* GradientSumsOfRows(ChannelRows rows, T* input, T* gradOutput, double* means)
    {
        var highs = _constants.Get<T>(rows.Padded);
        for (var channel = 0; channel < rows.Channels; channel++)
            highs[channel] = Split(means[channel]).High;
        Repeat(highs, rows);
        // Two sums of every channel, together and one by one, and behind them those of the chunks.
        var sums = _shared.Get<double>(
            4L * rows.Channels + CeilDiv(2L * rows.RowParts * rows.Padded * sizeof(T), sizeof(double)));
        double* gradients = sums + 2L * rows.Channels, products = gradients + rows.Channels;
        var partials = (T*)(products + rows.Channels);
        var job = new GradientSumsJob(rows, input, gradOutput, highs, partials);
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

    /// <summary>Repeats the values of the channels for every further row that a row here is made of.</summary>
    private static void Repeat(T* columns, ChannelRows rows)
    {
        for (var copied = rows.Channels; copied < rows.Columns; copied += rows.Channels)
            new ReadOnlySpan<T>(columns, rows.Channels).CopyTo(new Span<T>(columns + copied, rows.Channels));
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
