using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

// Depthwise convolution: groups of one input channel and few output channels, for which memory takes longer than the
// products. A result is the sum of a few planes of pixels, each times one weight, straight from planes that lie in the
// first-level cache (PixelColumns) to where the output is. The input gradient is the same sum over the output gradient,
// with the kernel turned by 180 degrees, phase by phase at steps of two (GradientPhases), else spread out by the stride.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>The most output channels of a group: more fill tiles by themselves.</summary>
    private const int MaxDepthwiseMultiplier = 4;

    /// <summary>The planes of a band that the first-level cache holds beside the output.</summary>
    private const int DepthwiseBandBytes = 24 * 1024;

    /// <summary>Pixels of a band at least, however many planes there are.</summary>
    private const int MinDepthwiseBand = 512;

    /// <summary>Results of a chunk: small planes are many to a chunk.</summary>
    private const int DepthwiseChunk = 8 * 1024;

    private static bool IsDepthwise(in ConvGeometry g) =>
        g.Groups > 1 && g.GroupInChannels == 1 && g.GroupOutChannels <= MaxDepthwiseMultiplier;

    private void DepthwiseForward(in ConvGeometry g, T* input, T* weight, T* bias, T* output)
    {
        var job = new DepthwiseSumJob(this, DepthwisePlanes.OfForward(in g), input, weight, bias, output);
        _pool.Run(ref job, job.Chunks);
    }

    private void DepthwiseInputGradient(in ConvGeometry g, T* weight, T* gradOutput, T* gradInput)
    {
        if (HasGradientWindows(in g))
        {
            var windows = new DepthwiseGradientJob(this, g, gradOutput, weight, gradInput);
            _pool.Run(ref windows, windows.Chunks);
            return;
        }

        var job = new DepthwiseSumJob(this, DepthwisePlanes.OfGradient(in g), gradOutput, weight, bias: null, gradInput);
        _pool.Run(ref job, job.Chunks);
    }

    /// <summary>Whether planes of input gradients are each what windows, a step apart, bring back to them.</summary>
    private static bool HasGradientWindows(in ConvGeometry g) =>
        g.IsFlat && g.GroupOutChannels == 1 && g.DilationY == 1 && g.DilationX == 1 && (g.StrideY > 1 || g.StrideX > 1)
        && GradientPhases.Fit(DepthwisePlanes.OfForward(in g).Windows);

    private void DepthwiseWeightGradient(in ConvGeometry g, T* input, T* gradOutput, T* gradWeight, T* gradBias)
    {
        var weights = (long)g.OutChannels * g.Taps;
        var shares = Math.Min(g.Batch, CeilDiv(PixelGradientShares, g.Groups));
        var partials = _shared.Get<T>(shares * (weights + g.OutChannels));
        var job = new DepthwiseWeightGradientJob(
            this, DepthwisePlanes.OfForward(in g), input, gradOutput, partials, shares);
        _pool.Run(ref job, job.Chunks);

        // Share by share, in order: the same sum for any number of threads.
        SumRows(partials, shares, weights, weights + g.OutChannels, gradWeight);
        if (gradBias != null)
            SumRows(partials + weights, shares, g.OutChannels, weights + g.OutChannels, gradBias);
    }

    /// <summary>output[pixel] = initial + sum over taps of weights[tap] * planes[offsets[tap] + pixel].</summary>
    [MethodImpl(Compiled.AsLoop)]
    private static void SumTaps(T* planes, nint* offsets, T* weights, int taps, T initial, T* output, int pixels)
    {
        var start = TSimd.Create(initial);
        var pixel = 0;
        for (; pixel + 4 * TSimd.Count <= pixels; pixel += 4 * TSimd.Count)
        {
            var (a, b, c, d) = (start, start, start, start);
            for (var tap = 0; tap < taps; tap++)
            {
                var weight = TSimd.Create(weights[tap]);
                var source = planes + offsets[tap] + pixel;
                a = TSimd.MultiplyAdd(weight, TSimd.Load(source), a);
                b = TSimd.MultiplyAdd(weight, TSimd.Load(source + TSimd.Count), b);
                c = TSimd.MultiplyAdd(weight, TSimd.Load(source + 2 * TSimd.Count), c);
                d = TSimd.MultiplyAdd(weight, TSimd.Load(source + 3 * TSimd.Count), d);
            }

            TSimd.Store(a, output + pixel);
            TSimd.Store(b, output + pixel + TSimd.Count);
            TSimd.Store(c, output + pixel + 2 * TSimd.Count);
            TSimd.Store(d, output + pixel + 3 * TSimd.Count);
        }

        for (; pixel < pixels; pixel += TSimd.Count)
        {
            var sum = start;
            for (var tap = 0; tap < taps; tap++)
                sum = TSimd.MultiplyAdd(TSimd.Create(weights[tap]), TSimd.Load(planes + offsets[tap] + pixel), sum);
            if (pixel + TSimd.Count <= pixels)
                TSimd.Store(sum, output + pixel);
            else
                PixelPlanes<TSimd, TVector, T>.CopyRow((T*)&sum, output + pixel, pixels - pixel);
        }
    }

    /// <summary>sums[tap] += sum over pixels of gradients[pixel] * planes[offsets[tap] + pixel], a sum being a register whose
    /// lanes are yet to be added up. Where pixels end within a register, nothing beyond them takes part.</summary>
    [MethodImpl(Compiled.AsLoop)]
    private static void DotTaps(T* gradients, T* planes, nint* offsets, int taps, T* sums, int pixels)
    {
        var whole = pixels / TSimd.Count * TSimd.Count;
        var mask = FirstLanes(pixels - whole);
        var tap = 0;
        for (; tap + 4 <= taps; tap += 4, sums += 4 * TSimd.Count)
        {
            T* p = planes + offsets[tap], q = planes + offsets[tap + 1];
            T* r = planes + offsets[tap + 2], s = planes + offsets[tap + 3];
            var (a, b) = (TSimd.Load(sums), TSimd.Load(sums + TSimd.Count));
            var (c, d) = (TSimd.Load(sums + 2 * TSimd.Count), TSimd.Load(sums + 3 * TSimd.Count));
            for (var pixel = 0; pixel < whole; pixel += TSimd.Count)
            {
                var gradient = TSimd.Load(gradients + pixel);
                a = TSimd.MultiplyAdd(gradient, TSimd.Load(p + pixel), a);
                b = TSimd.MultiplyAdd(gradient, TSimd.Load(q + pixel), b);
                c = TSimd.MultiplyAdd(gradient, TSimd.Load(r + pixel), c);
                d = TSimd.MultiplyAdd(gradient, TSimd.Load(s + pixel), d);
            }

            if (whole < pixels)
            {
                var gradient = TSimd.And(TSimd.Load(gradients + whole), mask);
                a = TSimd.MultiplyAdd(gradient, TSimd.And(TSimd.Load(p + whole), mask), a);
                b = TSimd.MultiplyAdd(gradient, TSimd.And(TSimd.Load(q + whole), mask), b);
                c = TSimd.MultiplyAdd(gradient, TSimd.And(TSimd.Load(r + whole), mask), c);
                d = TSimd.MultiplyAdd(gradient, TSimd.And(TSimd.Load(s + whole), mask), d);
            }

            TSimd.Store(a, sums);
            TSimd.Store(b, sums + TSimd.Count);
            TSimd.Store(c, sums + 2 * TSimd.Count);
            TSimd.Store(d, sums + 3 * TSimd.Count);
        }

        for (; tap < taps; tap++, sums += TSimd.Count)
        {
            var p = planes + offsets[tap];
            var sum = TSimd.Load(sums);
            for (var pixel = 0; pixel < whole; pixel += TSimd.Count)
                sum = TSimd.MultiplyAdd(TSimd.Load(gradients + pixel), TSimd.Load(p + pixel), sum);
            if (whole < pixels)
            {
                sum = TSimd.MultiplyAdd(
                    TSimd.And(TSimd.Load(gradients + whole), mask), TSimd.And(TSimd.Load(p + whole), mask), sum);
            }

            TSimd.Store(sum, sums);
        }
    }

    /// <summary>sum += values</summary>
    [MethodImpl(Compiled.AsLoop)]
    private static void AddPixels(T* values, int pixels, T* sum)
    {
        var (a, b) = (TSimd.Load(sum), TSimd.Zero);
        var pixel = 0;
        for (; pixel + 2 * TSimd.Count <= pixels; pixel += 2 * TSimd.Count)
        {
            a = TSimd.Add(a, TSimd.Load(values + pixel));
            b = TSimd.Add(b, TSimd.Load(values + pixel + TSimd.Count));
        }

        for (; pixel < pixels; pixel += TSimd.Count)
            b = TSimd.Add(b, TSimd.And(TSimd.Load(values + pixel), FirstLanes(pixels - pixel)));
        TSimd.Store(TSimd.Add(a, b), sum);
    }

    /// <summary>A chunk is some slices of results, one after the other.</summary>
    private readonly struct DepthwiseSumJob(
        CpuOperators<TSimd, TVector, T> operators, DepthwisePlanes planes, T* source, T* weight, T* bias, T* result)
        : IChunkJob
    {
        private readonly int _perChunk = Math.Max(1, DepthwiseChunk / planes.ResultPlane);

        private readonly WindowPhases _phases =
            planes.HasWindows ? new WindowPhases(planes.Windows, T.Zero, operators._shared) : default;

        // Elements of copies, and of sums whose lanes go on from row to row.
        private nint CopyElements => planes.HasWindows ? _phases.Elements : (nint)planes.Elements;

        private nint SumElements => planes.HasWindows ? _phases.Rows * (nint)_phases.Pitch + 2 * TSimd.Count : 0;

        public int Chunks => checked((int)CeilDiv(planes.Units, _perChunk));

        public void Run(int chunk, int worker)
        {
            var first = (long)chunk * _perChunk;
            var end = Math.Min(first + _perChunk, planes.Units);
            var taps = planes.Slots * planes.Places;
            var offsets = (nint*)operators._perWorker[worker].Get<byte>(
                planes.OffsetBytes + (CopyElements + SumElements + (long)planes.Results * taps) * sizeof(T));
            var copy = (T*)((byte*)offsets + planes.OffsetBytes);
            var weights = copy + CopyElements + SumElements;
            planes.FillOffsets(offsets);
            for (var unit = first; unit < end; unit++)
                RunUnit(unit, offsets, copy, weights);
        }

        private void RunUnit(long unit, nint* offsets, T* copy, T* weights)
        {
            var (rest, slice) = Math.DivRem(unit, planes.ResultDepth);
            var (image, group) = Math.DivRem(rest, planes.Groups);
            var slots = GatherWeights((int)slice, (int)group, weights);
            var taps = slots * planes.Places;
            var destination = result + (rest * planes.Results * planes.ResultDepth + slice) * planes.ResultPlane;
            if (slots == 1 && planes.HasWindows)
            {
                var plane = planes.PlaneAt(source, rest, planes.SourceSlice((int)slice, 0));
                RunWindows(plane, (int)group * planes.Results, copy, weights, destination);
                return;
            }

            for (var row = 0; row < planes.ResultHeight; row += planes.BandRows)
            {
                var rows = Math.Min(planes.BandRows, planes.ResultHeight - row);
                var slot = 0;
                for (var channel = 0; channel < planes.Sources; channel++)
                {
                    for (var k = 0; k < planes.KernelDepth; k++)
                    {
                        var sourceSlice = planes.SourceSlice((int)slice, k);
                        if (sourceSlice >= 0)
                            planes.Copy(source, rest * planes.Sources + channel, sourceSlice, row, rows, copy, slot++);
                    }
                }

                for (var i = 0; i < planes.Results; i++)
                {
                    var initial = bias == null ? T.Zero : bias[group * planes.Results + i];
                    SumTaps(
                        copy, offsets, weights + i * taps, taps, initial,
                        destination + (nint)i * planes.ResultDepth * planes.ResultPlane + row * planes.ResultWidth,
                        rows * planes.ResultWidth);
                }
            }
        }

        private void RunWindows(T* plane, int firstChannel, T* copy, T* weights, T* destination)
        {
            var sums = copy + CopyElements;
            var wholeRows = WholeRows(planes.ResultHeight, planes.ResultWidth, TSimd.Count);
            for (var row = 0; row < planes.ResultHeight; row += _phases.Rows)
            {
                var rows = Math.Min(_phases.Rows, planes.ResultHeight - row);
                _phases.Fill(plane, 0, row, rows, copy);
                // Whole registers: behind the last result there is room.
                var lanes = CeilDiv((rows - 1) * _phases.Pitch + planes.ResultWidth, TSimd.Count) * TSimd.Count;
                var whole = Math.Clamp(wholeRows - row, 0, rows);
                for (var i = 0; i < planes.Results; i++)
                {
                    SumTaps(
                        copy, _phases.Offsets, weights + i * planes.Places, planes.Places,
                        bias == null ? T.Zero : bias[firstChannel + i], sums, lanes);
                    var results = destination + (nint)i * planes.ResultDepth * planes.ResultPlane;
                    StoreSums<WholeStores>(sums, 0, whole, row, results);
                    StoreSums<EndingStores>(sums, whole, rows, row, results);
                }
            }
        }

        /// <summary>Writes rows of sums, of which the first is of some row of the results.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private void StoreSums<TStores>(T* sums, int start, int end, int firstRow, T* results)
            where TStores : struct, IRowStores
        {
            int width = planes.ResultWidth, pitch = _phases.Pitch;
            var resultsEnd = results + planes.ResultPlane;
            for (var row = start; row < end; row++)
            {
                T* from = sums + (nint)row * pitch, to = results + (nint)(firstRow + row) * width;
                for (var x = 0; x < width; x += TSimd.Count)
                    TStores.Store(TSimd.Load(from + x), to + x, results, resultsEnd, width - x);
            }
        }

        /// <summary>weights[result][slot][place] of the slots that are inside the source, and how many these are.</summary>
        private int GatherWeights(int slice, int group, T* weights)
        {
            var slots = 0;
            for (var i = 0; i < planes.Results; i++)
            {
                slots = 0;
                for (var channel = 0; channel < planes.Sources; channel++)
                {
                    for (var k = 0; k < planes.KernelDepth; k++)
                    {
                        if (planes.SourceSlice(slice, k) < 0)
                            continue;
                        // One of the two is always 0: the weights are those of the output channels.
                        var filter = weight
                            + (((long)group * planes.Results * planes.Sources + i + channel) * planes.KernelDepth + k)
                                * planes.Places;
                        for (var place = 0; place < planes.Places; place++)
                            *weights++ = filter[planes.IsTurned ? planes.Places - 1 - place : place];
                        slots++;
                    }
                }
            }

            return slots;
        }
    }

    /// <summary>A chunk is some planes, one after the other.</summary>
    private readonly struct DepthwiseGradientJob(
        CpuOperators<TSimd, TVector, T> operators, ConvGeometry g, T* gradOutput, T* weight, T* gradInput) : IChunkJob
    {
        private readonly int _perChunk = Math.Max(1, DepthwiseChunk / g.InPlaces);
        private readonly GradientPhases _phases = new(DepthwisePlanes.OfForward(in g).Windows, operators._shared);

        public int Chunks => checked((int)CeilDiv((long)g.Batch * g.Groups, _perChunk));

        public void Run(int chunk, int worker)
        {
            var first = (long)chunk * _perChunk;
            var end = Math.Min(first + _perChunk, (long)g.Batch * g.Groups);
            var weights = operators._perWorker[worker].Get<T>(g.Taps + _phases.Elements);
            for (var plane = first; plane < end; plane++)
            {
                _phases.OrderWeights(weight + plane % g.Groups * g.Taps, weights);
                _phases.Spread(
                    gradOutput + plane * g.OutPlaces, weights, weights + g.Taps, gradInput + plane * g.InPlaces);
            }
        }
    }

    /// <summary>A chunk is a share of the images and a group. Its sums, [output channel][tap], and those of the biases behind
    /// them, [output channel], go to the share's row of partials.</summary>
    private readonly struct DepthwiseWeightGradientJob(
        CpuOperators<TSimd, TVector, T> operators, DepthwisePlanes planes, T* input, T* gradOutput, T* partials, int shares)
        : IChunkJob
    {
        public int Chunks => shares * planes.Groups;

        public void Run(int chunk, int worker)
        {
            var (share, group) = Math.DivRem(chunk, planes.Groups);
            var (firstImage, images) = Share(planes.Batch, share, shares);
            int taps = planes.KernelDepth * planes.Places, channels = planes.Results;
            var sumElements = (long)channels * (taps + 1) * TSimd.Count;
            var offsets = (nint*)operators._perWorker[worker].Get<byte>(
                planes.OffsetBytes + (planes.Elements + sumElements) * sizeof(T));
            var copy = (T*)((byte*)offsets + planes.OffsetBytes);
            var sums = copy + planes.Elements;
            planes.FillOffsets(offsets);
            new Span<T>(sums, checked((int)sumElements)).Clear();
            for (var image = firstImage; image < firstImage + images; image++)
            {
                for (var slice = 0; slice < planes.ResultDepth; slice++)
                    AddSlice((long)image * planes.Groups + group, slice, offsets, copy, sums);
            }

            var weights = (long)planes.Groups * channels * taps;
            var row = partials + share * (weights + planes.Groups * channels);
            for (var channel = 0; channel < channels; channel++)
            {
                var output = (long)group * channels + channel;
                for (var tap = 0; tap < taps; tap++, sums += TSimd.Count)
                    row[output * taps + tap] = TSimd.Sum(TSimd.Load(sums));
                row[weights + output] = TSimd.Sum(TSimd.Load(sums));
                sums += TSimd.Count;
            }
        }

        /// <summary>Adds a slice of the output gradients to sums[output channel][tap, then bias].</summary>
        private void AddSlice(long imageGroup, int slice, nint* offsets, T* copy, T* sums)
        {
            int places = planes.Places, taps = planes.KernelDepth * places;
            for (var row = 0; row < planes.ResultHeight; row += planes.BandRows)
            {
                var rows = Math.Min(planes.BandRows, planes.ResultHeight - row);
                var pixels = rows * planes.ResultWidth;
                for (var k = 0; k < planes.KernelDepth; k++)
                {
                    var sourceSlice = planes.SourceSlice(slice, k);
                    if (sourceSlice >= 0)
                        planes.Copy(input, imageGroup, sourceSlice, row, rows, copy, slot: 0);
                    for (var channel = 0; channel < planes.Results; channel++)
                    {
                        var gradients = gradOutput
                            + ((imageGroup * planes.Results + channel) * planes.ResultDepth + slice) * planes.ResultPlane
                            + row * planes.ResultWidth;
                        var channelSums = sums + (nint)channel * (taps + 1) * TSimd.Count;
                        if (sourceSlice >= 0)
                            DotTaps(gradients, copy, offsets, places, channelSums + (nint)k * places * TSimd.Count, pixels);
                        if (k == 0)
                            AddPixels(gradients, pixels, channelSums + (nint)taps * TSimd.Count);
                    }
                }
            }
        }
    }
}
