using System.Diagnostics;
using CudaBn.Bench;
using CudaBn.Tests.Serialization;
using NUnit.Framework;
using SkiaSharp;

namespace CudaBn.Tests.Bench;

public class SuiteResultsTests
{
    [Test]
    public void Json_ReadBack_IsTheSame()
    {
        using var folder = new TemporaryFolder();
        var results = SampleResults.Of(
            SampleResults.Row(), SampleResults.Row("Backward", othersShare: null),
            SampleResults.Row("Evaluate") with { PairedTimes = new PairedTimes(3e8, 2e7, new MachineLimits(300, 40)) },
            SampleResults.Row(device: "cuda:0", deviceTimes: new DeviceTimes(1.5, 2.5, null)));
        results.WriteJson(folder["r.json"]);
        var read = SuiteResults.ReadJson(folder["r.json"]);

        Assert.That(read.Rows, Is.EqualTo(results.Rows));
        Assert.That(read.Limits, Is.EqualTo(results.Limits));
        Assert.That(read.Machine.Devices, Is.EqualTo(results.Machine.Devices));
        Assert.That(read.Date, Is.EqualTo(results.Date));
    }

    [TestCase("")]
    [TestCase("no json")]
    [TestCase("{}")]
    [TestCase("null")]
    public void Json_OfSomethingElse_Throws(string text)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["r.json"], text);
        Assert.That(
            () => SuiteResults.ReadJson(folder["r.json"]),
            Throws.TypeOf<InvalidDataException>().With.Message.Contains(folder["r.json"]));
    }

    [Test]
    public void Rates_AreOfTheDevicesTime_WhereThereIsOne()
    {
        var limits = new MachineLimits(400, 50);
        var cpu = SampleResults.Row(milliseconds: 2);
        Assert.That((cpu.GigaFlops, cpu.GigaBytes, cpu.ShareOf(limits)), Is.EqualTo((200.0, 2.0, 0.5)));
        var gpu = SampleResults.Row(milliseconds: 2, deviceTimes: new DeviceTimes(HotNanoseconds: 1e6, 3e6, 1980));
        Assert.That((gpu.GigaFlops, gpu.GigaBytes, gpu.ShareOf(limits)), Is.EqualTo((400.0, 4.0, 1.0)));
    }

    [TestCase(400, 50, 0.8, "")]
    [TestCase(341, 10, 0.8, "")]
    [TestCase(300, 50, 0.8, "at 75%")]
    [TestCase(300, 50, 0.8, "busy, at 75%", 0.3)]
    [TestCase(400, 50, 0.8, "", 0.01, 399)]
    [TestCase(400, 50, 0.8, "apart", 0.01, 401)]
    [TestCase(300, 50, 0.8, "busy, at 75%, apart", 0.3, 500)]
    [TestCase(400, 50, 0.8, "", 0.01, null)]
    public void Share_IsOfTheLimitsBesideIt_WhereTheyWereMeasured(
        double gigaFlops, double gigaBytes, double share, string mark, double othersShare = 0.01, double? handOver = 100)
    {
        // 400 MFLOP in the time in which 500 would have been possible, while the median was taken at another moment.
        var limits = new MachineLimits(400, 50, 100);
        var row = SampleResults.Row(milliseconds: 9, othersShare: othersShare) with
        {
            PairedTimes = new PairedTimes(5e8, 1e8, new MachineLimits(gigaFlops, gigaBytes, handOver)),
        };
        Assert.That(row.ShareOf(limits), Is.EqualTo(share).Within(1e-12));
        Assert.That(row.Mark(limits), Is.EqualTo(mark));
        var memory = row with { Flops = 1000 };
        Assert.That(memory.ShareOf(limits), Is.EqualTo(0.04).Within(1e-12));
        Assert.That(memory.Mark(limits), Is.EqualTo(mark));
    }

    [Test]
    public void PeersRatio_IsOfWhatThePossibleWasMeanwhile()
    {
        var mine = SampleResults.Row(milliseconds: 2) with { PairedTimes = new PairedTimes(5e8, 1e8, new(400, 50)) };
        var peer = SampleResults.Row(milliseconds: 2, library: "ONNX Runtime") with
        {
            PairedTimes = new PairedTimes(8e8, 1.1e8, new(200, 50)),
        };
        Assert.That(SampleResults.Of(mine, peer).Peers(mine).Single().Ratio, Is.EqualTo(1.6).Within(1e-12));
        Assert.That(
            SampleResults.Of(mine, peer with { PairedTimes = null }).Peers(mine).Single().Ratio, Is.EqualTo(1));
    }

    [Test]
    public void PairedTimes_OfAKnownOperation_AreWhatTheLimitDoes()
    {
        // Two milliseconds, and what it takes to be woken; the machine may halve its rate between one window and the next.
        var times = PairedTimer.Measure(() => Thread.Sleep(2), TimeSpan.FromMilliseconds(50))!;
        Assert.That(times.Flops / (times.Limits.GigaFlops * 1e9), Is.InRange(0.0005, 0.04));
        Assert.That(times.Bytes / (times.Limits.GigaBytes * 1e9), Is.InRange(0.0005, 0.04));
        // From a processor to another: tens of nanoseconds in a cache, hundreds between two; and far more when a thread has to
        // wait for a processor.
        Assert.That(times.Limits.HandOverNanoseconds, Environment.ProcessorCount == 2 ? Is.InRange(5, 1e8) : Is.Null);
        Assert.That(PairedTimer.Measure(() => Thread.Sleep(1001), TimeSpan.Zero), Is.Null);
    }

    [Test]
    public void Markdown_HasARowPerBenchmark_AndThePeersRatioInIt()
    {
        var results = SampleResults.Of(
            SampleResults.Row(milliseconds: 2), SampleResults.Row(milliseconds: 3, library: "ONNX Runtime"),
            SampleResults.Row("Backward", 0.5, othersShare: 0.3)) with
        {
            LeftOut = ["a large one: needs 9 GB"],
            Failures = ["a wrong one: 1 is not 2"],
        };
        var lines = ResultTable.Markdown(results, "roofline").Split('\n');
        var forward = lines.Single(line => line.Contains("| Conv2d Forward", StringComparison.Ordinal));
        Assert.That(forward, Does.Contain("2.00 ms").And.Contain("200.0").And.Contain("50%").And.Contain("1.50 x (ONNX Runtime)"));
        Assert.That(forward, Does.Not.Contain("busy"));
        Assert.That(lines.Single(line => line.Contains("| Conv2d Backward", StringComparison.Ordinal)), Does.Contain("busy"));
        Assert.That(lines, Does.Contain("- a large one: needs 9 GB").And.Contain("- a wrong one: 1 is not 2"));
        Assert.That(lines, Does.Contain("![Roofline](roofline-cpu.png)"));
        Assert.That(lines[2], Does.Contain("a processor").And.Contain("512 bits").And.Contain("2026-11-25"));
    }

    [Test]
    public void Markdown_OnAGpu_HasItsColumns()
    {
        var results = SampleResults.Of(
            SampleResults.Row(device: "cuda:0", deviceTimes: new DeviceTimes(12_340, 56_780, 1980)));
        Assert.That(
            ResultTable.Table(results, "cuda:0"),
            Does.Contain("device hot").And.Contain("12.34 us").And.Contain("56.78 us").And.Contain("1980"));
    }

    [Test]
    public void Csv_HasAsManyColumnsInEveryLine()
    {
        var csv = ResultTable.Csv(SampleResults.Of(SampleResults.Row(), SampleResults.Row("Backward", othersShare: null)));
        var lines = csv.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.That(lines, Has.Length.EqualTo(3));
        Assert.That(lines.Select(line => line.Count(letter => letter == ',')).Distinct().Count(), Is.EqualTo(1));
        Assert.That(lines[1], Does.StartWith("Conv2d,Forward,CudaBn,\"8x8\",cpu,2000000.0,0.0300,400000000,4000000,200.000,2.000,0.5000,0,0.0100"));
    }

    [TestCase(1.5, "0.00 us")]
    [TestCase(1500, "1.50 us")]
    [TestCase(2_500_000, "2.50 ms")]
    [TestCase(3_000_000_000, "3.00 s ")]
    public void Duration_HasItsUnit(double nanoseconds, string expected) =>
        Assert.That(ResultTable.Duration(nanoseconds), Is.EqualTo(expected));

    [Test]
    public void Roofline_DrawsADotOfItsColorForEveryRow()
    {
        using var folder = new TemporaryFolder();
        RooflinePicture.Write(
            SampleResults.Of(SampleResults.Row(), SampleResults.Row("Backward") with { Flops = 1_000_000 }), "cpu",
            folder["roofline.png"]);
        using var picture = SKBitmap.Decode(folder["roofline.png"]);
        Assert.That((picture.Width, picture.Height), Is.EqualTo((1720, 860)));
        // In the plot, left of the legend: the dot of what memory bounds and that of what arithmetic bounds.
        var colors = Enumerable.Range(0, 1100 * 860).Select(i => picture.GetPixel(i % 1100, i / 1100)).ToHashSet();
        Assert.That(colors, Does.Contain(SKColor.Parse("#0077BB")).And.Contain(SKColor.Parse("#CC3311")));
    }

    [Test]
    public void ProcStat_CountsAllButIdleTime()
    {
        // user nice system idle iowait irq softirq steal guest guest_nice, in hundredths of a second.
        var (busy, stolen) = ProcessorUse.OfProcStat("cpu  100 20 30 4000 500 6 7 80 9 10");
        Assert.That((busy, stolen), Is.EqualTo((TimeSpan.FromMilliseconds(1630), TimeSpan.FromMilliseconds(800))));
    }

    [Test]
    public void ProcessorUse_OfThisProcess_IsNotOthers()
    {
        var use = new ProcessorUse();
        var start = Environment.CpuUsage.TotalTime;
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < TimeSpan.FromSeconds(0.5))
        {
        }

        // What was ours cannot have been others'. The system counts in hundredths of a second.
        var own = (Environment.CpuUsage.TotalTime - start) / (clock.Elapsed * Environment.ProcessorCount);
        Assert.That(own, Is.GreaterThan(0));
        Assert.That(use.OthersShare(), Is.Null.Or.InRange(0, 1 - own + 0.06));
    }
}
