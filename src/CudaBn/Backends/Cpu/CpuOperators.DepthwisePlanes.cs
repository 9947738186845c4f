using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>The planes that a depthwise sum is of. In forward a group's results are its output channels, and its only
    /// source is its input channel; in the input gradient it is the other way round, the source being spread out by the
    /// stride and the kernel turned. Sources are copied slot by slot: one for each channel and slice that a result
    /// meets.</summary>
    private readonly struct DepthwisePlanes
    {
        /// <summary>Places of a kernel whose columns are copied each, where that is as good.</summary>
        private const int LargestCopiedKernel = 9;

        private readonly ConvGeometry _g;
        private readonly PixelColumns _columns;
        private readonly Conv2dGeometry _plane;

        private DepthwisePlanes(in ConvGeometry g, in Conv2dGeometry plane, bool isTurned)
        {
            (_g, _plane, IsTurned) = (g, plane, isTurned);
            var perPixel = Sources * g.KernelDepth * g.KernelWidth * sizeof(T);
            // More rows than those that two bands both meet.
            var pixels = Math.Max(DepthwiseBandBytes / perPixel, MinDepthwiseBand);
            BandRows = Math.Clamp(Math.Max(pixels / plane.OutWidth, plane.SpanY), 1, plane.OutHeight);
            _columns = new PixelColumns(in plane, BandRows);
        }

        public bool IsTurned { get; }

        public int Batch => _g.Batch;

        public int Groups => _g.Groups;

        /// <summary>Channels of a group that are read.</summary>
        public int Sources => IsTurned ? _g.GroupOutChannels : 1;

        /// <summary>Channels of a group that are computed.</summary>
        public int Results => IsTurned ? 1 : _g.GroupOutChannels;

        /// <summary>Slices of results, all channels of a group counting as one.</summary>
        public long Units => (long)_g.Batch * _g.Groups * ResultDepth;

        public int ResultDepth => IsTurned ? _g.InDepth : _g.OutDepth;

        public int ResultHeight => _plane.OutHeight;

        public int ResultWidth => _plane.OutWidth;

        public int ResultPlane => ResultHeight * ResultWidth;

        public int KernelDepth => _g.KernelDepth;

        /// <summary>Places of a slice of the kernel.</summary>
        public int Places => _g.KernelHeight * _g.KernelWidth;

        /// <summary>Slots at most.</summary>
        public int Slots => Sources * _g.KernelDepth;

        /// <summary>Bytes of the offsets of all slots, in whole cache lines.</summary>
        public long OffsetBytes => CeilDiv((long)Slots * Places * sizeof(nint), 64) * 64;

        /// <summary>Rows of results at a time.</summary>
        public int BandRows { get; }

        /// <summary>Elements of all slots, and of the rows of a source that is spread out.</summary>
        public long Elements => Slots * _columns.Elements + (IsSpread ? (long)SpreadRows * _plane.InWidth : 0);

        /// <summary>Whether a result is of windows of one plane, as it lies, and one copy of that plane, whose rows are brought
        /// back one by one, is less than a copy for every column of the kernel.</summary>
        public bool HasWindows =>
            TSimd.Count > 1 && Slots == 1 && !IsSpread && !_plane.IsDilated && _plane.PaddingY >= 0 && _plane.PaddingX >= 0
            && (_plane.StrideX > 1 || Places > LargestCopiedKernel || ResultWidth < TSimd.Count);

        /// <summary>The windows of a plane.</summary>
        public PoolGeometry Windows => new(
            Planes: 1, 1, _plane.InHeight, _plane.InWidth, 1, _plane.OutHeight, _plane.OutWidth, 1, _plane.KernelHeight,
            _plane.KernelWidth, 1, _plane.StrideY, _plane.StrideX, 0, _plane.PaddingY, _plane.PaddingX);

        private bool IsSpread => IsTurned && (_g.StrideY > 1 || _g.StrideX > 1);

        private int SpreadRows => BandRows + _plane.SpanY - 1;

        private int SourceDepth => IsTurned ? _g.OutDepth : _g.InDepth;

        private int SourceHeight => IsTurned ? _g.OutHeight : _g.InHeight;

        private int SourceWidth => IsTurned ? _g.OutWidth : _g.InWidth;

        public static DepthwisePlanes OfForward(in ConvGeometry g) => new(
            in g, Plane(in g, g.InHeight, g.InWidth, g.OutHeight, g.OutWidth, g.StrideY, g.StrideX, g.PaddingY, g.PaddingX),
            isTurned: false);

        /// <summary>Padding may be less than none: the windows of forward lie in its padding then, wholly.</summary>
        public static DepthwisePlanes OfGradient(in ConvGeometry g) => new(
            in g,
            Plane(
                in g, (g.OutHeight - 1) * g.StrideY + 1, (g.OutWidth - 1) * g.StrideX + 1, g.InHeight, g.InWidth, 1, 1,
                (g.KernelHeight - 1) * g.DilationY - g.PaddingY, (g.KernelWidth - 1) * g.DilationX - g.PaddingX),
            isTurned: true);

        /// <summary>The slice of the source that a kernel slice brings to a slice of the result, or -1 for none.</summary>
        public int SourceSlice(int slice, int kernelSlice)
        {
            if (!IsTurned)
            {
                var met = slice * _g.StrideZ + kernelSlice * _g.DilationZ - _g.PaddingZ;
                return met >= 0 && met < SourceDepth ? met : -1;
            }

            var strides = slice + _g.PaddingZ - kernelSlice * _g.DilationZ;
            return strides >= 0 && strides % _g.StrideZ == 0 && strides / _g.StrideZ < SourceDepth
                ? strides / _g.StrideZ
                : -1;
        }

        /// <summary>offsets[slot][place]: where in the copies the plane of a kernel place starts.</summary>
        public void FillOffsets(nint* offsets)
        {
            for (var slot = 0; slot < Slots; slot++)
            {
                for (var place = 0; place < Places; place++)
                    *offsets++ = (nint)(slot * _columns.Elements) + _columns.Tap(place);
            }
        }

        /// <summary>Where a plane of the source is.</summary>
        /// <param name="source">The first plane of all.</param>
        /// <param name="channel">The channel, those of all images counting.</param>
        /// <param name="slice">The slice of the channel.</param>
        public T* PlaneAt(T* source, long channel, int slice) =>
            source + (channel * SourceDepth + slice) * ((long)SourceHeight * SourceWidth);

        /// <summary>Copies what rows [row, row + rows) of the results meet in a plane of the source.</summary>
        /// <param name="source">The first plane of all.</param>
        /// <param name="channel">The channel, those of all images counting.</param>
        /// <param name="slice">The slice of the channel.</param>
        /// <param name="row">The first row of results.</param>
        /// <param name="rows">How many rows of results.</param>
        /// <param name="copy">The slots.</param>
        /// <param name="slot">Which slot.</param>
        public void Copy(T* source, long channel, int slice, int row, int rows, T* copy, int slot)
        {
            var plane = PlaneAt(source, channel, slice);
            if (IsSpread)
            {
                // As if the whole plane had been spread out.
                var spread = copy + Slots * _columns.Elements;
                var firstRow = row - _plane.PaddingY;
                Spread(plane, firstRow, rows + _plane.SpanY - 1, spread);
                plane = spread - (nint)firstRow * _plane.InWidth;
            }

            _columns.CopyChannel(plane, row, rows, copy + slot * _columns.Elements);
        }

        private static Conv2dGeometry Plane(
            in ConvGeometry g, int inHeight, int inWidth, int outHeight, int outWidth, int strideY, int strideX, int paddingY,
            int paddingX) => new(
                Batch: 1, InChannels: 1, inHeight, inWidth, OutChannels: 1, outHeight, outWidth, g.KernelHeight, g.KernelWidth,
                strideY, strideX, paddingY, paddingX, g.DilationY, g.DilationX, InImage: 0, OutImage: 0);

        /// <summary>Rows [first, first + count) of a plane whose elements lie a stride apart, zeros between them; rows outside
        /// of it are left as they are.</summary>
        [MethodImpl(Compiled.AsLoop)]
        private void Spread(T* plane, int first, int count, T* spread)
        {
            int width = _plane.InWidth, end = Math.Min(first + count, _plane.InHeight);
            for (var y = Math.Max(0, first); y < end; y++)
            {
                var row = spread + (nint)(y - first) * width;
                if (y % _g.StrideY != 0)
                {
                    new Span<T>(row, width).Clear();
                    continue;
                }

                var source = plane + (nint)(y / _g.StrideY) * SourceWidth;
                var x = 0;
                if (_g.StrideX == 2)
                {
                    for (; x + TSimd.Count < SourceWidth; x += TSimd.Count)
                    {
                        TSimd.Interleave(TSimd.Load(source + x), TSimd.Zero, out var low, out var high);
                        TSimd.Store(low, row + 2 * x);
                        TSimd.Store(high, row + 2 * x + TSimd.Count);
                    }
                }

                new Span<T>(row + (nint)x * _g.StrideX, width - x * _g.StrideX).Clear();
                for (; x < SourceWidth; x++)
                    row[(nint)x * _g.StrideX] = source[x];
            }
        }
    }
}
