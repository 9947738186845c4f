using CudaBn.Tests.Reference;

namespace CudaBn.Tests.Optimizers;

/// <summary>A parameter under an optimizer, in double, and how far rounding may take each element: every operation adds its
/// own rounding to what its operands bring along.</summary>
public sealed class ExpectedParameter(double[] value, double unitRoundoff, double smallestNormal)
{
    private readonly double[] _first = new double[value.Length];
    private readonly double[] _second = new double[value.Length];
    private readonly double[] _firstBound = new double[value.Length];
    private readonly double[] _secondBound = new double[value.Length];
    private int _steps;

    public double[] Value { get; } = value;

    public double[] Bound { get; } = new double[value.Length];

    /// <param name="c">The constants.</param>
    /// <param name="gradient">The gradient, before <paramref name="scale"/>.</param>
    /// <param name="scale">What clipping multiplies it by.</param>
    /// <param name="learningRate">The rate of this step and group.</param>
    /// <param name="weightDecay">The decay of the group.</param>
    public void Step(OptimizerCase c, double[] gradient, double scale, double learningRate, double weightDecay)
    {
        _steps++;
        var scaled = Array.ConvertAll(gradient, g => scale * g);
        var (before, first) = (Value.ToArray(), _first.ToArray());
        if (c.Kind == "Sgd")
            ReferenceSgd.Step(
                Value, scaled, _first, _steps == 1, learningRate, c.First, c.Second, c.Nesterov, weightDecay);
        else
            ReferenceAdam.Step(
                Value, scaled, _first, _second, _steps, learningRate, c.First, c.Second, c.Epsilon, weightDecay,
                c.Kind == "AdamW");
        for (var i = 0; i < Value.Length; i++)
        {
            var l2 = c.Kind == "AdamW" ? 0 : weightDecay;
            var g = scaled[i] + l2 * before[i];
            // The norm is a sum in double of many squares, and the scale is rounded.
            var gBound = Rounding(scale == 1 ? 4 : 32, Math.Abs(scaled[i]) + l2 * Math.Abs(before[i])) + l2 * Bound[i];
            if (c.Kind == "Sgd")
                BoundSgd(c, i, before[i], first[i], g, gBound, learningRate);
            else
                BoundAdam(c, i, before[i], first[i], g, gBound, learningRate);
        }
    }

    private double Rounding(double count, double magnitude) => count * unitRoundoff * magnitude + smallestNormal;

    private void BoundSgd(OptimizerCase c, int i, double before, double buffer, double g, double gBound, double rate)
    {
        var (direction, bound) = (Math.Abs(g), gBound);
        if (c.First != 0)
        {
            var weight = _steps == 1 ? 1 : Math.Abs(1 - c.Second);
            var momentum = _steps == 1 ? 0 : c.First;
            var terms = momentum * Math.Abs(buffer) + weight * Math.Abs(g);
            _firstBound[i] = momentum * _firstBound[i] + weight * gBound + Rounding(4, terms);
            (direction, bound) = c.Nesterov
                ? (Math.Abs(g) + c.First * terms, gBound + c.First * _firstBound[i] + Rounding(4, Math.Abs(g) + terms))
                : (terms, _firstBound[i]);
        }

        Bound[i] += rate * bound + Rounding(4, Math.Abs(before) + rate * direction);
    }

    private void BoundAdam(OptimizerCase c, int i, double before, double moment, double g, double gBound, double rate)
    {
        _firstBound[i] = c.First * _firstBound[i] + (1 - c.First) * gBound
            + Rounding(4, c.First * Math.Abs(moment) + (1 - c.First) * Math.Abs(g));
        var squareBound = 2 * Math.Abs(g) * gBound + gBound * gBound;
        _secondBound[i] = c.Second * _secondBound[i] + (1 - c.Second) * squareBound + Rounding(4, _second[i]);
        var root = 1 / Math.Sqrt(ReferenceAdam.Correction(c.Second, _steps));
        var denominator = Math.Sqrt(_second[i]) * root + c.Epsilon;
        var least = Math.Sqrt(Math.Max(0, _second[i] - _secondBound[i])) * root + c.Epsilon;
        var most = Math.Sqrt(_second[i] + _secondBound[i]) * root + c.Epsilon;
        least -= Rounding(8, denominator);
        most += Rounding(8, denominator);
        var stepSize = rate / ReferenceAdam.Correction(c.First, _steps);
        var step = stepSize * Math.Abs(_first[i]) / denominator;
        var stepBound = stepSize * (_firstBound[i] + Math.Abs(_first[i])) / least - step;
        stepBound = Math.Max(stepBound, step - stepSize * Math.Abs(_first[i]) / most);
        Bound[i] += stepBound + Rounding(8, Math.Abs(before) + step);
    }
}
