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

    [TestCase(0)]
    [TestCase(1e6)]
    [TestCase(-1e9)]
    public void Merge_InAnyOrder_IsTheSameUpToRounding(double mean)
    {
        // As devices that share a batch would: parts of several sizes, one of them empty, one of a single value.
        var values = RandomVector.Normal(3, 1000).Select(v => mean + v).ToArray();
        int[] ends = [0, 1, 1, 300, 307, 1000];
        var parts = ends.Zip(ends.Skip(1), (start, end) => Of(values.AsSpan(start, end - start))).ToArray();
        var expected = Of(values);
        var random = new Random(4);
        for (var order = 0; order < 20; order++)
        {
            random.Shuffle(parts);
            var left = parts.Aggregate(default(Moments), (merged, part) => merged.Merge(part));
            // The same as a tree.
            var tree = parts[0].Merge(parts[1]).Merge(parts[2].Merge(parts[3]).Merge(parts[4]));
            foreach (var merged in new[] { left, tree })
            {
                Assert.That(merged.Count, Is.EqualTo(1000));
                Assert.That(merged.Mean, Is.EqualTo(expected.Mean).Within(4e-16 * (10 + Math.Abs(mean))));
                Assert.That(
                    merged.SquaredDeviations,
                    Is.EqualTo(expected.SquaredDeviations).Within(1e-12 + 1e-15 * Math.Abs(mean)).Percent);
            }
        }
    }

    [Test]
    public void Merge_HugeCounts_KeepTheirDigits()
    {
        // 2^60 values of mean 1 and 2^58 of mean 6, both of variance 2: mean 2, variance 2 + 0.8 * 0.2 * 25 = 6.
        double first = Math.ScaleB(1, 60), second = Math.ScaleB(1, 58);
        var merged = new Moments(first, 1, 2 * first).Merge(new Moments(second, 6, 2 * second));
        Assert.That(merged.Count, Is.EqualTo(first + second));
        Assert.That(merged.Mean, Is.EqualTo(2).Within(1e-15));
        Assert.That(merged.SquaredDeviations / merged.Count, Is.EqualTo(6).Within(1e-14));

        // One value more or less among so many is beyond the digits of the count, and changes nothing.
        Assert.That(merged.Merge(new Moments(1, 2, 0)), Is.EqualTo(merged));
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
