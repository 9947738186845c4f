using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Core;

/// <summary>The devices that the fixtures of the library run on.</summary>
public static class Devices
{
    /// <summary>The processor and the CUDA device under test.</summary>
    public static IEnumerable<TestFixtureData> All =>
    [
        new TestFixtureData(Device.Cpu),
        CudaUnderTest.Obstacle is { } obstacle
            ? new TestFixtureData([null]).SetArgDisplayNames("cuda:0").Ignore(obstacle)
            : new TestFixtureData(Device.Cuda()),
    ];
}
