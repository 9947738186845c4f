using CudaBn.Backends;
using CudaBn.Tests.Reference;
using NUnit.Framework;

namespace CudaBn.Tests.Backends;

public class MomentsTests
{
    [TestCase(1, 1, 0)]
    [TestCase(1, 999, 0)]
    [TestCase(500, 500, 1e4)]
    [TestCase(3, 70, -1e6)]
    public void Merge_IsTheMomentsOfAllValues(int first, int second, double shift)
    {
        // Two parts of quite different means, so that the term between them counts.
        var values = RandomVector.Normal(1, first + second);
        for (var i = 0; i < values.Length; i++)
            values[i] = i < first ? values[i] + shift : 3 * values[i] - 2 + shift;
        var merged = Of(values.AsSpan(0, first)).Merge(Of(values.AsSpan(first)));
        var expected = Of(values);
        Assert.That(merged.Count, Is.EqualTo(expected.Count));
        Assert.That(merged.Mean, Is.EqualTo(expected.Mean).Within(1e-14 * (1 + Math.Abs(shift))));
        Assert.That(merged.SquaredDeviations, Is.EqualTo(expected.SquaredDeviations).Within(1e-9).Percent);
    }

    [Test]
    public void Merge_ManyParts_LosesNoDigitsFarFromZero()
    {
        const double shift = 1e8;
        var values = RandomVector.Normal(2, 20_000).Select(v => v + shift).ToArray();
        var merged = default(Moments);
        for (var start = 0; start < values.Length; start += 7)
            merged = merged.Merge(Of(values.AsSpan(start, Math.Min(7, values.Length - start))));
        var expected = Of(values);
        Assert.That(merged.Mean, Is.EqualTo(expected.Mean).Within(1e-7));
        Assert.That(merged.SquaredDeviations, Is.EqualTo(expected.SquaredDeviations).Within(1e-4).Percent);
    }

    [Test]
    public void Merge_WithNothing_ChangesNothing()
    {
        var some = new Moments(3, 2.5, 7);
        Assert.That(some.Merge(default), Is.EqualTo(some));
        Assert.That(default(Moments).Merge(some), Is.EqualTo(some));
        Assert.That(default(Moments).Merge(default), Is.EqualTo(default(Moments)));
    }

    private static Moments Of(ReadOnlySpan<double> values)
    {
        // Twice: the second pass takes off what the first mean was rounded by.
        double mean = 0, rest = 0, squares = 0;
        foreach (var value in values)
            mean += value / values.Length;
        foreach (var value in values)
            rest += (value - mean) / values.Length;
        mean += rest;
        foreach (var value in values)
            squares += (value - mean) * (value - mean);
        return new Moments(values.Length, mean, squares);
    }
}
