using CudaBn.Bench;
using NUnit.Framework;

namespace CudaBn.Tests.Bench;

public class ComparisonTests
{
    [Test]
    public void Ratio_IsTimeNowByTimeThen()
    {
        var comparison = new Comparison(
            SampleResults.Of(SampleResults.Row(milliseconds: 2)), SampleResults.Of(SampleResults.Row(milliseconds: 3)), 0.1);
        Assert.That(comparison.Pairs.Select(comparison.Ratio), Is.EqualTo(new[] { 1.5 }));
        Assert.That(comparison.Report(), Does.Contain("1.50  Conv2d Forward, 8x8, cpu, CudaBn  SLOWER"));
    }

    [TestCase("a processor", 1.5)]
    [TestCase("another", 4)]
    public void Ratio_OnTheSameMachine_IsOfWhatItWasAbleOf(string processor, double ratio)
    {
        // Four times the time, while the machine was able of three eighths.
        var old = SampleResults.Of(SampleResults.Row(milliseconds: 1) with { PairedTimes = new(4e8, 4e7, new(400, 50)) });
        var @new = SampleResults.Of(SampleResults.Row(milliseconds: 4) with { PairedTimes = new(6e8, 2e7, new(150, 50)) });
        @new = @new with { Machine = @new.Machine with { Processor = processor } };
        var comparison = new Comparison(old, @new, 0.1);
        Assert.That(comparison.Ratio(comparison.Pairs.Single()), Is.EqualTo(ratio).Within(1e-12));
    }

    [TestCase(2.19, false)]
    [TestCase(2.21, true)]
    [TestCase(1.0, false)]
    public void Slower_IsWhatPassesTheThreshold(double milliseconds, bool slower)
    {
        var comparison = new Comparison(
            SampleResults.Of(SampleResults.Row(milliseconds: 2)), SampleResults.Of(SampleResults.Row(milliseconds: milliseconds)),
            threshold: 0.1);
        Assert.That(comparison.Slower.Any(), Is.EqualTo(slower));
    }

    [Test]
    public void Rows_ArePairedByAllThatNamesThem()
    {
        var old = SampleResults.Of(
            SampleResults.Row("Forward"), SampleResults.Row("Backward"), SampleResults.Row(shape: "9x9"));
        var @new = SampleResults.Of(
            SampleResults.Row("Forward", 4), SampleResults.Row("Backward", 1), SampleResults.Row(shape: "7x7"));
        var comparison = new Comparison(old, @new, 0.1);
        Assert.That(
            comparison.Pairs.Select(pair => (pair.New.Part, comparison.Ratio(pair))),
            Is.EqualTo(new[] { ("Forward", 2.0), ("Backward", 0.5) }));
        Assert.That(comparison.Report(), Does.Contain("9x9, cpu, CudaBn: not measured now").And.Contain("2 rows compared, 1 slower"));
    }

    [Test]
    public void Peers_AreComparedButNeverToBlame()
    {
        const string peer = "ONNX Runtime";
        var comparison = new Comparison(
            SampleResults.Of(SampleResults.Row(library: peer)),
            SampleResults.Of(SampleResults.Row(library: peer, milliseconds: 9)), 0.1);
        Assert.That(comparison.Pairs, Has.Count.EqualTo(1));
        Assert.That(comparison.Slower, Is.Empty);
    }

    [Test]
    public void OnAGpu_ItsOwnTimeIsCompared()
    {
        var old = SampleResults.Of(SampleResults.Row(milliseconds: 1, deviceTimes: new DeviceTimes(1000, 2000, 1500)));
        var @new = SampleResults.Of(SampleResults.Row(milliseconds: 9, deviceTimes: new DeviceTimes(1000, 2000, 1500)));
        Assert.That(new Comparison(old, @new, 0.1).Slower, Is.Empty);
    }

    [Test]
    public void Report_NamesBusyMachinesAndDifferentOnes()
    {
        var old = SampleResults.Of(SampleResults.Row());
        var @new = SampleResults.Of(SampleResults.Row(othersShare: 0.4));
        @new = @new with { Machine = @new.Machine with { Processor = "another" } };
        Assert.That(
            new Comparison(old, @new, 0.1).Report(),
            Does.Contain("(machine busy)").And.Contain("The machines differ: a processor (512 bits) then, another"));
    }
}
