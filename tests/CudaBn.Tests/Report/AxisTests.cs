using CudaBn.Cli;
using NUnit.Framework;

namespace CudaBn.Tests.Report;

public class AxisTests
{
    [Test]
    public void Axis_HoldsAllValuesBetweenRoundTicks(
        [Values(0, 0.001, 0.3, 0.88, 40)] double low, [Values(0.0, 1e-6, 0.05, 0.5, 3, 1e5)] double span)
    {
        var axis = Axis.Of([low + (0.4 * span), low, double.NaN, low + span, double.PositiveInfinity]);

        Assert.That(axis.From, Is.GreaterThanOrEqualTo(0).And.LessThanOrEqualTo(low + 1e-12));
        Assert.That(axis.To, Is.GreaterThanOrEqualTo(low + span));
        Assert.That(axis.Ticks, Has.Count.InRange(2, 8).And.Ordered);
        Assert.That((axis.Ticks[0], axis.Ticks[^1]), Is.EqualTo((axis.From, axis.To)));
        var step = axis.Ticks[1] - axis.Ticks[0];
        var digit = step / Math.Pow(10, Math.Floor(Math.Log10(step * 1.0001)));
        Assert.That(digit, Is.EqualTo(1).Within(1e-3).Or.EqualTo(2).Within(1e-3).Or.EqualTo(5).Within(1e-3));
    }

    [Test]
    public void Axis_OfNoNumber_IsFromZeroToOne()
    {
        var axis = Axis.Of([double.NaN]);
        Assert.That((axis.From, axis.To), Is.EqualTo((0.0, 1.0)));
    }

    [Test]
    public void Strides_LeaveAtMostSoManyLabels([Range(1, 120, 7)] int count, [Values(8, 15)] int most)
    {
        var stride = Strides.For(count, most);
        Assert.That(count / stride, Is.LessThanOrEqualTo(most));
        Assert.That(stride == 1 || count > most, "no wider than needed");
    }
}
