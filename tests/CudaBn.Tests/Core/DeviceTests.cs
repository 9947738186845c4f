using System.Globalization;
using CudaBn.Backends.Cpu;
using CudaBn.Backends.Cuda;
using NUnit.Framework;

namespace CudaBn.Tests.Core;

public class DeviceTests
{
    [Test]
    public void Cpu_IsOneDeviceWithAllCores()
    {
        var device = Device.Cpu;
        Assert.That(Device.Cpu, Is.SameAs(device));
        Assert.That(device.Kind, Is.EqualTo(DeviceKind.Cpu));
        Assert.That(device.Index, Is.Zero);
        Assert.That(device.ToString(), Is.EqualTo("cpu"));
        Assert.That(device.Backend.Device, Is.SameAs(device));
        Assert.That(((CpuBackend)device.Backend).Threads, Is.EqualTo(Environment.ProcessorCount));
        Assert.That(device.Description, Does.StartWith("CPU, ").And.Contains($"{Environment.ProcessorCount} thread"));
    }

    [Test]
    public void Best_SaysWhyInOneLine()
    {
        var device = Device.Best(out var reason);
        Assert.That(device, Is.SameAs(Device.Best()));
        Assert.That(reason, Has.Length.GreaterThan(10).And.Not.Contains("\n"));
        Assert.That(reason, Does.Contain(device.Kind == DeviceKind.Cpu ? "CPU" : "GPU"));
    }

    [Test]
    public void Parse_AutoAndCpu_GiveADeviceAndTheReason()
    {
        Assert.That(Device.Parse("auto", out var why), Is.SameAs(Device.Best(out var best)));
        Assert.That(why, Is.EqualTo(best));
        Assert.That(Device.Parse("cpu", out why), Is.SameAs(Device.Cpu));
        Assert.That(why, Does.Contain("cpu").And.Contains("asked for"));
        Assert.That(Device.Parse(Device.Cpu.ToString(), out _), Is.SameAs(Device.Cpu));
    }

    [TestCase("cuda")]
    [TestCase("cuda:0")]
    [TestCase("cuda:2000000000")]
    public void Parse_CudaThatIsNotThere_SaysWhyAndHowToMendIt(string name)
    {
        var index = name == "cuda" ? 0 : int.Parse(name.AsSpan(5), CultureInfo.InvariantCulture);
        if (CudaDiagnosis.OfThisMachine.ProblemOf(index) is { } problem)
            ErrorAssert.Throws<PlatformNotSupportedException>(
                () => Device.Parse(name, out _), $"'cuda:{index}'", problem.What, problem.Remedy);
        else
            Assert.That(Device.Parse(name, out _), Is.SameAs(Device.Cuda(index)));
    }

    [Test]
    public void Cuda_NegativeIndex_Throws() =>
        Assert.That(() => Device.Cuda(-1), Throws.TypeOf<ArgumentOutOfRangeException>());

    [TestCase("")]
    [TestCase(" cpu")]
    [TestCase("CPU")]
    [TestCase("gpu")]
    [TestCase("cpu:0")]
    [TestCase("cuda:")]
    [TestCase("cuda:-1")]
    [TestCase("cuda:+1")]
    [TestCase("cuda: 1")]
    [TestCase("cuda:x")]
    [TestCase("cuda:1.5")]
    [TestCase("cuda:99999999999")]
    [TestCase("cuda0")]
    public void Parse_Nonsense_NamesIt(string name) =>
        ErrorAssert.Throws<ArgumentException>(() => Device.Parse(name, out _), $"'{name}'", "auto, cpu, cuda");

    [Test]
    public void Parse_Null_Throws() =>
        Assert.That(() => Device.Parse(null!, out _), Throws.ArgumentNullException);
}
