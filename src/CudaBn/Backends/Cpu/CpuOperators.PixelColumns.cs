using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cpu;

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>A band of the input once per kernel column, every row as long as those of the output and holding what the
    /// column meets: planes[channel][kernel column][row phase][row][output column]. Registers of pixels then run on from row
    /// to row without a lane for nothing, of the output as well, which need not be copied; any stride is in the
    /// copy.</summary>
    /// <remarks>With few input channels the copies are small beside the output.</remarks>
    private readonly struct PixelColumns
    {
        private readonly Conv2dGeometry _g;
        private readonly int _step;

        // Rows of the kernel that are a stride apart meet the same rows of the input.
        private readonly int _phases;

        public PixelColumns(in Conv2dGeometry g, int maxRows)
        {
            _g = g;
            _phases = Math.Min(g.StrideY, g.SpanY);
            _step = PixelPlanes<TSimd, TVector, T>.Step(InRows(maxRows) * g.OutWidth + BlockLanes);
        }

        /// <summary>Elements of all planes.</summary>
        public long Elements => CeilDiv((long)_g.InChannels * _g.KernelWidth * ColumnStep, BlockLanes) * BlockLanes;

        /// <summary>Elements from one kernel column to the next, and from the last one to those of the next
        /// channel.</summary>
        public nint ColumnStep => (nint)_phases * _step;

        /// <summary>Where the plane of a kernel place of a channel starts, these being counted as the weights are.</summary>
        public nint Tap(int tap)
        {
            var (channel, place) = Math.DivRem(tap, _g.KernelHeight * _g.KernelWidth);
            var (y, x) = Math.DivRem(place, _g.KernelWidth);
            return ((nint)channel * _g.KernelWidth + x) * ColumnStep
                + y * _g.DilationY % _g.StrideY * (nint)_step + y * _g.DilationY / _g.StrideY * (nint)_g.OutWidth;
        }

        /// <summary>Copies what output rows [first, first + rows) meet, with zeros behind up to the end of a
        /// block.</summary>
        public void Copy(T* image, int first, int rows, T* planes)
        {
            for (var channel = 0; channel < _g.InChannels; channel++, image += (nint)_g.InHeight * _g.InWidth)
                CopyChannel(image, first, rows, planes + channel * _g.KernelWidth * ColumnStep);
        }

        /// <summary>The same for one channel.</summary>
        [MethodImpl(Compiled.AsLoop)]
        public void CopyChannel(T* channel, int first, int rows, T* planes)
        {
            var inRows = InRows(rows);
            for (var column = 0; column < _g.KernelWidth; column++)
            {
                var shift = column * _g.DilationX - _g.PaddingX;
                var inside = OutputRange(shift, _g.StrideX, _g.InWidth, _g.OutWidth);
                for (var phase = 0; phase < _phases; phase++, planes += _step)
                {
                    var row = planes;
                    var y = first * _g.StrideY + phase - _g.PaddingY;
                    for (var i = 0; i < inRows; i++, y += _g.StrideY, row += _g.OutWidth)
                    {
                        PixelPlanes<TSimd, TVector, T>.CopyLine(
                            channel + shift, y, _g.InHeight, _g.InWidth, _g.StrideX, row, inside, _g.OutWidth);
                    }

                    new Span<T>(row, BlockLanes).Clear();
                }
            }
        }

        /// <summary>Rows of a phase that output rows meet.</summary>
        private int InRows(int outRows) => outRows + CeilDiv(_g.SpanY, _g.StrideY) - 1;
    }
}
