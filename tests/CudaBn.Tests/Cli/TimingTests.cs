using System.Text.Json;
using CudaBn.Backends.Cpu;
using CudaBn.Cli;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

public class TimingTests
{
    private static readonly TimingPlan _shortest = new(3, 1, TimeSpan.Zero, LeastRuns: 1);

    [TestCase(new[] { 3.0 }, 3.0)]
    [TestCase(new[] { 9.0, 1.0, 2.0 }, 2.0)]
    [TestCase(new[] { 4.0, 1.0, 2.0, 9.0 }, 3.0)]
    public void Median_IsTheMiddleOfTheSorted(double[] values, double expected) =>
        Assert.That(TimingPlan.Median([.. values]), Is.EqualTo(expected));

    [Test]
    public void Share_IsOfTheLimitOfItsUnit()
    {
        var limits = new MachineLimits(GigaFlops: 400, GigaBytes: 50);
        var compute = new OperatorTiming("conv", Milliseconds: 2, Work: 400e6, WorkUnit.Flop);
        var memory = new OperatorTiming("norm", Milliseconds: 2, Work: 50e6, WorkUnit.Byte);

        Assert.That((compute.Rate, compute.ShareOf(limits)), Is.EqualTo((200.0, 0.5)));
        Assert.That((memory.Rate, memory.ShareOf(limits)), Is.EqualTo((25.0, 0.5)));
    }

    [Test]
    public void Limits_AreTheBetterOfTwo() =>
        Assert.That(
            new MachineLimits(1, 20).Best(new MachineLimits(10, 2)), Is.EqualTo(new MachineLimits(10, 20)));

    [Test]
    public void Limits_Measured_ArePlausible()
    {
        var limits = MachineLimits.Measure(threads: 2);
        Assert.That(limits.GigaFlops, Is.InRange(0.5, 50_000));
        Assert.That(limits.GigaBytes, Is.InRange(0.1, 5_000));
    }

    [Test]
    public void Operators_AreTimedInOrder()
    {
        using var backend = new CpuBackend(2);
        var rows = new OperatorTimer(backend.Device, _shortest).Run().Take(3).ToArray();

        Assert.That(rows.Select(row => row.Name), Is.EqualTo(new[]
        {
            "conv forward 256, 1->20, 28x28, k5",
            "conv backward 256, 1->20, 28x28, k5",
            "conv backward, weight only 256, 1->20, 28x28, k5",
        }));
        Assert.That(rows.Select(row => row.Work), Is.EqualTo(new[] { 147_456_000.0, 294_912_000, 147_456_000 }));
        Assert.That(rows.Select(row => row.Milliseconds), Is.All.GreaterThan(0));
    }

    [Test]
    public void Json_HoldsEveryFigure()
    {
        using var folder = new TemporaryFolder();
        var report = new TimingReport(
            "a processor", 2, new MachineLimits(400, 50), StepMilliseconds: 10, StepWork: 2_000_000_000,
            EvaluationMilliseconds: 150,
            [new OperatorTiming("conv", 2, 400e6, WorkUnit.Flop), new OperatorTiming("norm", 2, 50e6, WorkUnit.Byte)]);
        report.WriteJson(folder["t.json"]);

        using var json = JsonDocument.Parse(File.ReadAllBytes(folder["t.json"]));
        var root = json.RootElement;
        Assert.That(root.GetProperty("processor").GetString(), Is.EqualTo("a processor"));
        Assert.That(root.GetProperty("step_share_of_limit").GetDouble(), Is.EqualTo(0.5));
        Assert.That(root.GetProperty("operators")[0].GetProperty("gflop_per_s").GetDouble(), Is.EqualTo(200));
        Assert.That(root.GetProperty("operators")[1].GetProperty("gb_per_s").GetDouble(), Is.EqualTo(25));
        Assert.That(root.GetProperty("operators")[1].GetProperty("share_of_limit").GetDouble(), Is.EqualTo(0.5));
    }
}
