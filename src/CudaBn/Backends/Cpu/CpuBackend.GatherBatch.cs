using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public override void GatherBatch(in GatherBatchArgs args)
    {
        lock (_gate)
            For(args.Batch.DType).GatherBatch(in args);
    }
}

internal abstract partial class CpuOperators
{
    public abstract void GatherBatch(in GatherBatchArgs args);
}

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    public override void GatherBatch(in GatherBatchArgs args)
    {
        var cursor = (long*)args.Cursor.Address;
        var rows = args.Batch.Shape[0];
        if (args.Transform is { } transform)
        {
            var transformJob = new TransformJob(in args, in transform);
            _pool.Run(ref transformJob, CeilDiv(rows, transformJob.RowsPerChunk));
            *cursor += rows;
            return;
        }

        var scaled = stackalloc T[256];
        for (var level = 0; level < 256; level++)
            scaled[level] = T.CreateTruncating(level / args.Divisor);

        var job = new GatherJob(
            (byte*)args.Images.Address, (byte*)args.Labels.Address, (int*)args.Order.Address + *cursor, scaled,
            Data(args.Batch), (int*)args.BatchLabels.Address, rows, args.Batch.ElementCount / rows);
        _pool.Run(ref job, CeilDiv(rows, GatherJob.RowsPerChunk));
        *cursor += rows;
    }

    private readonly struct GatherJob(
        byte* images, byte* labels, int* order, T* scaled, T* batch, int* batchLabels, int rows, long elements)
        : IChunkJob
    {
        public const int RowsPerChunk = 16;

        [MethodImpl(Compiled.AsLoop)]
        public void Run(int chunk, int worker)
        {
            var end = Math.Min((chunk + 1) * RowsPerChunk, rows);
            for (var row = chunk * RowsPerChunk; row < end; row++)
            {
                var source = images + order[row] * elements;
                var destination = batch + row * elements;
                for (long i = 0; i < elements; i++)
                    destination[i] = scaled[source[i]];
                batchLabels[row] = labels[order[row]];
            }
        }
    }
    private readonly struct TransformJob(in GatherBatchArgs args, in ImageTransform transform) : IChunkJob
    {
        private const int Levels = 256;
        private const int ElementsPerChunk = 1 << 14;

        private readonly byte* _images = (byte*)args.Images.Address;
        private readonly byte* _labels = (byte*)args.Labels.Address;
        private readonly int* _order = (int*)args.Order.Address + *(long*)args.Cursor.Address;
        private readonly T* _levels = Data(transform.Levels);
        private readonly T* _batch = Data(args.Batch);
        private readonly int* _batchLabels = (int*)args.BatchLabels.Address;
        private readonly int _rows = args.Batch.Shape[0];
        private readonly int _channels = args.Batch.Shape[1];
        private readonly int _height = args.Batch.Shape[2];
        private readonly int _width = args.Batch.Shape[3];
        private readonly int _padding = transform.CropPadding;
        private readonly bool _flips = transform.HorizontalFlip;
        private readonly ulong _seed = transform.Seed;
        private readonly int _epoch = *(int*)transform.Epoch.Address;

        public int RowsPerChunk { get; } = (int)Math.Max(1, ElementsPerChunk / (args.Batch.ElementCount / args.Batch.Shape[0]));

        public void Run(int chunk, int worker)
        {
            var elements = (long)_channels * _height * _width;
            var end = Math.Min((chunk + 1L) * RowsPerChunk, _rows);
            for (var row = (long)chunk * RowsPerChunk; row < end; row++)
            {
                var image = _order[row];
                var place = CropAndFlip.Draw(_padding, _flips, _seed, _epoch, image);
                Transform(place, _images + image * elements, _batch + row * elements);
                _batchLabels[row] = _labels[image];
            }
        }

        private void Transform(CropAndFlip place, byte* image, T* destination)
        {
            // The columns of the result that come from the image. Those of a flipped one count down in the image.
            var shift = place.IsFlipped ? -place.Left : place.Left;
            var (first, end) = (Math.Max(0, -shift), Math.Min(_width, _width - shift));
            var (start, step) = place.IsFlipped ? (_width - 1 - first + place.Left, -1) : (first + place.Left, 1);
            for (var channel = 0; channel < _channels; channel++, image += (long)_height * _width)
            {
                var levels = _levels + channel * Levels;
                for (var row = 0; row < _height; row++, destination += _width)
                {
                    var line = new Span<T>(destination, _width);
                    if ((uint)(row + place.Top) >= (uint)_height)
                    {
                        line.Fill(levels[0]);
                        continue;
                    }

                    line[..first].Fill(levels[0]);
                    Look(levels, image + (long)(row + place.Top) * _width + start, step, destination + first, end - first);
                    line[end..].Fill(levels[0]);
                }
            }
        }

        [MethodImpl(Compiled.AsLoop)]
        private static void Look(T* levels, byte* source, int step, T* destination, int count)
        {
            for (var i = 0; i < count; i++, source += step)
                destination[i] = levels[*source];
        }
    }
}
