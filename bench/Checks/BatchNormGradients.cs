using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

/// <summary>The gradients of a channel whose values were normalized together.</summary>
internal sealed class BatchNormGradients
{
    private readonly HostValues _x;
    private readonly HostValues _dy;
    private readonly HostValues? _rectified;
    private readonly double _mean;
    private readonly double _invStd;
    private readonly double _count;

    /// <param name="x">What was normalized.</param>
    /// <param name="dy">The gradient of the output.</param>
    /// <param name="rectified">A rectified output: the gradient counts where it is above 0. Null for everywhere.</param>
    public BatchNormGradients(
        BatchNormGeometry g, int channel, HostValues x, double mean, double invStd, HostValues dy, HostValues? rectified)
    {
        (_x, _dy, _rectified, _mean, _invStd, _count) = (x, dy, rectified, mean, invStd, g.ValuesPerChannel);
        double magnitude = 0, productMagnitude = 0;
        for (long i = 0; i < g.ValuesPerChannel; i++)
        {
            var at = BatchNormCheck.Offset(g, channel, i);
            var gradient = Gradient(at);
            var product = gradient * Normalized(at);
            Sum += gradient;
            magnitude += Math.Abs(gradient);
            Product += product;
            productMagnitude += Math.Abs(product);
        }

        (SumBound, ProductBound) = (Check.SumBound(_count, magnitude), Check.SumBound(_count, productMagnitude));
    }

    /// <summary>The gradient by beta: sum dy.</summary>
    public double Sum { get; }

    /// <summary>How far rounding may take it.</summary>
    public double SumBound { get; }

    /// <summary>The gradient by gamma: sum dy * xhat.</summary>
    public double Product { get; }

    /// <summary>How far rounding may take it.</summary>
    public double ProductBound { get; }

    /// <summary>The gradient by the input: gamma * invStd * (dy - (sum dy + xhat * sum dy * xhat) / M).</summary>
    public (double Expected, double Bound) Input(long at, double gamma)
    {
        double gradient = Gradient(at), normalized = Normalized(at);
        var expected = gamma * _invStd * (gradient - (Sum + normalized * Product) / _count);
        var parts = Math.Abs(gradient) + (Math.Abs(Sum) + Math.Abs(normalized * Product)) / _count;
        var bound = Check.SumBound(3, parts) + (SumBound + Math.Abs(normalized) * ProductBound) / _count;
        return (expected, Math.Abs(gamma) * _invStd * bound);
    }

    private double Gradient(long at) => _rectified is null || _rectified[at] > 0 ? _dy[at] : 0;

    private double Normalized(long at) => (_x[at] - _mean) * _invStd;
}
