using CudaBn.Tests.Reference;

namespace CudaBn.Tests.Layers;

/// <summary>One batch normalization of given numbers: what exact arithmetic makes of it, and how far rounding may take
/// a backend from there.</summary>
/// <remarks>
/// With u the roundoff of the element type, d = 2^-53 that of double, M values per channel and xhat the normalized
/// value, every sum of M terms is given 8 * sqrt(M) * u times the sum of their absolute values, as sums of products
/// are. So the mean is off by 8 sqrt(M) u * average |x - mean|, being taken of differences from a value near it, plus
/// 8 sqrt(M) d * average |x| for holding it in double (which the reference does as well). The inverse deviation, whose
/// square is a sum of squares, is off by 8 sqrt(M) u of itself. In units of the deviation the error of the mean is
/// 8 sqrt(M) u * A, where A = average |xhat| + d / u * average |x| * invStd. What follows is these two carried through
/// the formulas of y, dgamma, dbeta and dx. Nothing grows with |mean| / deviation but the part in double. That also moves
/// the variance: the squared differences between the means of parts, each held in double, add up to it, and are off by
/// twice a difference of about a deviation times d * |mean|: so much more the inverse deviation may be off.
/// </remarks>
public sealed class BatchNormCase
{
    private readonly double[] _x;
    private readonly double[]? _gamma;
    private readonly double[]? _beta;
    private readonly int _n;
    private readonly int _c;
    private readonly int _s;
    private readonly double _unitRoundoff;
    private readonly double[] _xHat;
    private readonly double[] _meanError;
    private readonly double[] _heldInDouble;

    public BatchNormCase(
        double[] x, double[]? gamma, double[]? beta, Shape shape, double epsilon, double unitRoundoff)
    {
        (_x, _gamma, _beta, _unitRoundoff) = (x, gamma, beta, unitRoundoff);
        (_n, _c) = (shape[0], shape[1]);
        _s = x.Length / _n / _c;
        (Output, Mean, Variance, InvStd) =
            ReferenceBatchNorm.ForwardTraining(x, gamma, beta, _n, _c, _s, epsilon);
        _xHat = ReferenceBatchNorm.ForwardEvaluation(x, null, null, Mean, Variance, _n, _c, _s, epsilon);
        var averageX = AverageOf(i => Math.Abs(x[i]));
        var averageXHat = AverageOf(i => Math.Abs(_xHat[i]));
        _heldInDouble = MapChannels(k => Math.ScaleB(1, -53) / unitRoundoff * averageX[k] * InvStd[k]);
        _meanError = MapChannels(k => averageXHat[k] + _heldInDouble[k]);
    }

    public double[] Output { get; }

    public double[] Mean { get; }

    /// <summary>Biased.</summary>
    public double[] Variance { get; }

    public double[] InvStd { get; }

    public int ValuesPerChannel => _n * _s;

    /// <summary>8 * sqrt(M) * u.</summary>
    private double Factor => 8 * Math.Sqrt(ValuesPerChannel) * _unitRoundoff;

    public double[] OutputBound => Map(i => Factor
        * (Math.Abs(Gamma(i)) * (Math.Abs(_xHat[i]) + _meanError[Channel(i)]) + Math.Abs(_beta?[Channel(i)] ?? 0)));

    /// <summary>The error of <see cref="Mean"/> that a running mean of weight 1 may show.</summary>
    public double[] MeanBound => MapChannels(k => Factor * (_meanError[k] / InvStd[k] + Math.Abs(Mean[k])));

    /// <summary>The error of <see cref="Variance"/> likewise.</summary>
    public double[] VarianceBound => MapChannels(k => Factor
        * (Variance[k] + Math.Sqrt(Variance[k]) * _heldInDouble[k] / InvStd[k]));

    public (double[] GradInput, double[] GradGamma, double[] GradBeta) Backward(double[] gradOutput) =>
        ReferenceBatchNorm.BackwardTraining(gradOutput, _x, _gamma, Mean, InvStd, _n, _c, _s);

    /// <summary>The bounds of the three gradients.</summary>
    public (double[] GradInput, double[] GradGamma, double[] GradBeta) BackwardBounds(double[] gradOutput)
    {
        var (_, gradGamma, _) = Backward(gradOutput);
        var averageGradient = AverageOf(i => Math.Abs(gradOutput[i]));
        var averageProduct = AverageOf(i =>
            Math.Abs(gradOutput[i]) * (Math.Abs(_xHat[i]) + _meanError[Channel(i)]));
        var gradInputBound = Map(i =>
        {
            var k = Channel(i);
            return Factor * Math.Abs(Gamma(i)) * InvStd[k]
                * ((Math.Abs(gradOutput[i]) + averageGradient[k]) * (1 + _heldInDouble[k])
                    + Math.Abs(_xHat[i]) * averageProduct[k]
                    + _meanError[k] * Math.Abs(gradGamma[k]) / ValuesPerChannel);
        });
        return (
            gradInputBound,
            MapChannels(k => Factor * ValuesPerChannel * averageProduct[k]),
            MapChannels(k => Factor * ValuesPerChannel * averageGradient[k]));
    }

    private int Channel(int i) => i / _s % _c;

    private double Gamma(int i) => _gamma?[Channel(i)] ?? 1;

    private double[] Map(Func<int, double> valueAt)
    {
        var values = new double[_x.Length];
        for (var i = 0; i < values.Length; i++)
            values[i] = valueAt(i);
        return values;
    }

    private double[] MapChannels(Func<int, double> valueOf)
    {
        var values = new double[_c];
        for (var k = 0; k < _c; k++)
            values[k] = valueOf(k);
        return values;
    }

    private double[] AverageOf(Func<int, double> valueAt)
    {
        var averages = new double[_c];
        for (var i = 0; i < _x.Length; i++)
            averages[Channel(i)] += valueAt(i) / ValuesPerChannel;
        return averages;
    }
}
