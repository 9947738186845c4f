using CudaBn.Backends.Cuda;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

public class KernelCompilerTests
{
    private static readonly int[] Known = [75, 80, 86, 90, 100, 120];

    [TestCase(75, "sm_75")]
    [TestCase(90, "sm_90")]
    [TestCase(120, "sm_120")]
    [TestCase(89, "compute_86")]
    [TestCase(103, "compute_100")]
    [TestCase(130, "compute_120")]
    public void ArchitectureFor_ADevice_IsItsOwnElsePtxOfTheNewestBefore(int capability, string expected) =>
        Assert.That(KernelCompiler.ArchitectureFor(capability, Known), Is.EqualTo(expected));

    [Test]
    public void ArchitectureFor_ADeviceLeftBehind_SaysWhatIsNeeded() =>
        Assert.That(
            () => KernelCompiler.ArchitectureFor(61, Known),
            Throws.TypeOf<PlatformNotSupportedException>().With.Message.Contains("7.5").And.Message.Contains("6.1"));
}
