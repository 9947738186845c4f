using System.Runtime.InteropServices;
using CudaBn.Cli;
using CudaBn.Serialization;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

public class TensorStatisticsTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Of_ManyNumbers_AreThoseOfTheDefinition()
    {
        // More than a piece.
        var random = new Random(1);
        var values = Enumerable.Range(0, 100_003).Select(_ => random.NextDouble() - 0.3).ToArray();
        var (statistics, histogram) = Of("F64", values);

        Assert.That(statistics.Count, Is.EqualTo(values.Length));
        Assert.That(statistics.Min, Is.EqualTo(values.Min()));
        Assert.That(statistics.Max, Is.EqualTo(values.Max()));
        Assert.That(statistics.Mean, Is.EqualTo(values.Average()).Within(1e-12));
        Assert.That(statistics.Norm, Is.EqualTo(Math.Sqrt(values.Sum(value => value * value))).Within(1e-9));
        Assert.That(histogram!.Counts, Has.Length.EqualTo(60));
        Assert.That(histogram.Counts.Sum(), Is.EqualTo(values.Length));
        for (var i = 0; i < 60; i++)
        {
            var (low, high) = (histogram.Low + (i * histogram.Width), histogram.Low + ((i + 1) * histogram.Width));
            Assert.That(
                histogram.Counts[i], Is.EqualTo(values.Count(value => value >= low && value < high)).Within(1), $"{i}");
        }
    }

    [TestCase(new[] { 3e300, 4e300 }, 5e300, 3.5e300)]
    [TestCase(new[] { 1.5e308, 1.5e308, -1.5e308, -1.5e308 }, double.PositiveInfinity, 0)]
    [TestCase(new[] { 3e-300, 4e-300 }, 5e-300, 3.5e-300)]
    [TestCase(new[] { 3e-300, 4e-300, 0, 12 }, 12, 3)]
    [TestCase(new[] { 3e200, 1, -3e200, 1 }, 4.2426406871192851e200, 0.5)]
    [TestCase(new[] { 0.0, 0 }, 0, 0)]
    public void Of_ExtremeNumbers_NeitherOverflowsNorUnderflows(double[] values, double norm, double mean)
    {
        var (statistics, _) = Of("F64", values);
        Assert.That(statistics.Norm, double.IsFinite(norm) ? Is.EqualTo(norm).Within(1e-15 * norm) : Is.EqualTo(norm));
        Assert.That(statistics.Mean, Is.EqualTo(mean).Within(1e-15 * Math.Abs(mean)));
    }

    [Test]
    public void Of_EveryType_IsDecoded()
    {
        AssertRange("F64", new[] { -1.5, 2 }, -1.5, 2);
        AssertRange("F32", new[] { -1.5f, 2 }, -1.5, 2);
        AssertRange("F16", new[] { (Half)(-1.5), (Half)2 }, -1.5, 2);
        AssertRange("BF16", new ushort[] { 0xBFC0, 0x4000 }, -1.5, 2);
        AssertRange("I64", new[] { -3L, 1L << 40 }, -3, 1L << 40);
        AssertRange("I32", new[] { int.MinValue, 7 }, int.MinValue, 7);
        AssertRange("I16", new short[] { short.MinValue, 7 }, short.MinValue, 7);
        AssertRange("I8", new sbyte[] { -128, 7 }, -128, 7);
        AssertRange("U64", new ulong[] { 5, ulong.MaxValue }, 5, 18446744073709551616.0);
        AssertRange("U32", new uint[] { 5, uint.MaxValue }, 5, uint.MaxValue);
        AssertRange("U16", new ushort[] { 5, ushort.MaxValue }, 5, ushort.MaxValue);
        AssertRange("U8", new byte[] { 5, 255 }, 5, 255);
        AssertRange("BOOL", new byte[] { 0, 1 }, 0, 1);
    }

    [Test]
    public void Histogram_OfIntegers_HasOneIntervalEach()
    {
        var (_, histogram) = Of("I32", new[] { 3, 5, 5, 9 });
        Assert.That((histogram!.Low, histogram.Width), Is.EqualTo((2.5, 1.0)));
        Assert.That(histogram.Counts, Is.EqualTo(new long[] { 1, 0, 2, 0, 0, 0, 1 }));
    }

    [TestCase(new[] { 2f, 2, 2 }, 1)]
    [TestCase(new[] { 0f, float.NaN }, 1)]
    [TestCase(new[] { float.NaN }, 0)]
    public void Histogram_OfOneValueOrNone(float[] values, int intervals)
    {
        var (statistics, histogram) = Of("F32", values);
        Assert.That(histogram?.Counts.Length ?? 0, Is.EqualTo(intervals));
        Assert.That(histogram?.Counts.Sum() ?? 0, Is.EqualTo(statistics.FiniteCount));
        if (histogram is not null)
            Assert.That(histogram.Low < values[0] && values[0] < histogram.High);
    }

    [TestCase(0, 5e-324)]
    [TestCase(-1.7e308, 1.7e308)]
    [TestCase(1, 1 + 1e-15)]
    public void Histogram_OfNumbersAtTheEndsOfTheRange_HasIntervalsWithAWidth(double min, double max)
    {
        var (_, histogram) = Of("F64", new[] { min, max });
        Assert.That(histogram!.Width, Is.GreaterThan(0).And.LessThan(double.PositiveInfinity));
        Assert.That(histogram.Counts.Sum(), Is.EqualTo(2));
    }

    private void AssertRange<T>(string dtype, T[] values, double min, double max)
        where T : unmanaged
    {
        var (statistics, _) = Of(dtype, values);
        Assert.That((statistics.Min, statistics.Max), Is.EqualTo(((double?)min, (double?)max)), dtype);
    }

    private (TensorStatistics Statistics, Histogram? Histogram) Of<T>(string dtype, T[] values)
        where T : unmanaged
    {
        SafeTensorsWriter.Write(
            _folder["f"],
            [new TensorSource("a", dtype, [values.Length], stream => stream.Write(MemoryMarshal.AsBytes(values.AsSpan())))]);
        using var file = TensorFile.Open(_folder["f"]);
        var statistics = TensorStatistics.Of(file, file.Tensors[0]);
        return (statistics, Histogram.Of(file, file.Tensors[0], statistics));
    }
}
