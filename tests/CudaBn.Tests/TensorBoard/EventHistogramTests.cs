using CudaBn.Cli;
using NUnit.Framework;

namespace CudaBn.Tests.TensorBoard;

public class EventHistogramTests
{
    [Test]
    public void Histogram_CountsEveryNumberInItsBucket()
    {
        var random = new Random(1);
        var values = Enumerable.Range(0, 5000).Select(_ => Math.Pow((2 * random.NextDouble()) - 1, 3)).ToArray();
        var histogram = EventHistogram.Of(values)!;

        Assert.That((histogram.Least, histogram.Greatest), Is.EqualTo((values.Min(), values.Max())));
        Assert.That((histogram.Count, histogram.Buckets.Sum()), Is.EqualTo((5000L, 5000.0)));
        Assert.That(histogram.Sum, Is.EqualTo(values.Sum()).Within(1e-9));
        Assert.That(histogram.SumOfSquares, Is.EqualTo(values.Sum(value => value * value)).Within(1e-9));
        Assert.That(histogram.Limits, Is.Ordered.Ascending);
        Assert.That(histogram.Limits[^1], Is.EqualTo(values.Max()));
        var from = double.NegativeInfinity;
        for (var i = 0; i < histogram.Limits.Length; i++)
        {
            var to = histogram.Limits[i];
            // Rounding may put a number at a limit on either side of it.
            var near = values.Count(value => Math.Abs(value - to) < 1e-12 || Math.Abs(value - from) < 1e-12);
            Assert.That(histogram.Buckets[i], Is.EqualTo(values.Count(value => value > from && value <= to)).Within(near));
            from = to;
        }
    }

    [Test]
    public void Histogram_OfOneValue_IsOneBucket()
    {
        var histogram = EventHistogram.Of([3, 3, 3])!;
        Assert.That((histogram.Limits, histogram.Buckets), Is.EqualTo((new double[] { 3 }, new double[] { 3 })));
    }

    [Test]
    public void Histogram_LeavesOutWhatIsNoNumber()
    {
        var histogram = EventHistogram.Of([1, double.NaN, 2, double.PositiveInfinity])!;
        Assert.That((histogram.Least, histogram.Greatest, histogram.Count), Is.EqualTo((1.0, 2.0, 2L)));
        Assert.That(EventHistogram.Of([double.NaN]), Is.Null);
    }
}
