using CudaBn.Backends.Cuda;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

public class KernelCompilerTests
{
    private static readonly int[] Known = [75, 80, 86, 90, 100, 120];

    [TestCase("7.5", "sm_75")]
    [TestCase("9.0", "sm_90")]
    [TestCase("12.0", "sm_120")]
    [TestCase("8.9", "compute_86")]
    [TestCase("10.3", "compute_100")]
    [TestCase("13.0", "compute_120")]
    [TestCase("6.1", null)]
    public void ArchitectureFor_ADevice_IsItsOwnElsePtxOfTheNewestBefore(string capability, string? expected) =>
        Assert.That(KernelCompiler.ArchitectureFor(Version.Parse(capability), Known), Is.EqualTo(expected));
}
