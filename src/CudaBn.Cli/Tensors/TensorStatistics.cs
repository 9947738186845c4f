using CudaBn.Serialization;

namespace CudaBn.Cli;

/// <summary>What is told of the numbers in a tensor. NaN and infinities are counted, and left out of everything
/// else.</summary>
internal sealed class TensorStatistics
{
    // Beyond it, squares are summed scaled down; below its inverse, scaled up. As in Blue, "A portable Fortran program to
    // find the Euclidean norm of a vector", 1978.
    private static readonly double _big = Math.ScaleB(1, 480);
    private static readonly double _small = Math.ScaleB(1, -480);
    private const int Scale = 600;

    private double _sum;
    private double _bigSum;
    private double _squares;
    private double _bigSquares;
    private double _smallSquares;
    private double _min = double.PositiveInfinity;
    private double _max = double.NegativeInfinity;

    private TensorStatistics()
    {
    }

    /// <summary>Whether the elements were read: those of a type of less than a byte, of one of the 8-bit types of floating point
    /// and of complex numbers are not.</summary>
    public bool AreRead { get; private init; } = true;

    /// <summary>All elements that were read.</summary>
    public long Count { get; private set; }

    public long NaNs { get; private set; }

    public long Infinities { get; private set; }

    /// <summary>The elements that are neither NaN nor infinite.</summary>
    public long FiniteCount => Count - NaNs - Infinities;

    /// <summary>The least finite element; null if there is none.</summary>
    public double? Min => FiniteCount == 0 ? null : _min;

    /// <summary>The greatest finite element; null if there is none.</summary>
    public double? Max => FiniteCount == 0 ? null : _max;

    /// <summary>The mean of the finite elements; null if there is none.</summary>
    public double? Mean => FiniteCount == 0 ? null : _sum / FiniteCount + Math.ScaleB(_bigSum / FiniteCount, Scale);

    /// <summary>The square root of the sum of squares of the finite elements; null if there is none.</summary>
    public double? Norm => FiniteCount == 0
        ? null
        : _bigSquares > 0
            ? Math.ScaleB(Math.Sqrt(_bigSquares + Math.ScaleB(_squares, -2 * Scale)), Scale)
            : _squares > 0
                ? Math.Sqrt(_squares + Math.ScaleB(_smallSquares, -2 * Scale))
                : Math.ScaleB(Math.Sqrt(_smallSquares), -Scale);

    /// <summary>Reads a tensor.</summary>
    /// <exception cref="InvalidDataException">The file is broken there.</exception>
    public static TensorStatistics Of(ITensorFile file, TensorEntry tensor)
    {
        if (!TensorValues.CanRead(tensor.DType))
            return new TensorStatistics { AreRead = false };
        var statistics = new TensorStatistics();
        TensorValues.ForEachPiece(file, tensor, statistics.Add);
        return statistics;
    }

    private void Add(ReadOnlySpan<double> values)
    {
        Count += values.Length;
        foreach (var value in values)
        {
            if (double.IsNaN(value))
                NaNs++;
            else if (double.IsInfinity(value))
                Infinities++;
            else
                AddFinite(value);
        }
    }

    private void AddFinite(double value)
    {
        _min = Math.Min(_min, value);
        _max = Math.Max(_max, value);
        var size = Math.Abs(value);
        if (size > _big)
        {
            var scaled = Math.ScaleB(value, -Scale);
            _bigSum += scaled;
            _bigSquares += scaled * scaled;
            return;
        }

        _sum += value;
        if (size >= _small)
        {
            _squares += value * value;
        }
        else
        {
            var scaled = Math.ScaleB(value, Scale);
            _smallSquares += scaled * scaled;
        }
    }
}
