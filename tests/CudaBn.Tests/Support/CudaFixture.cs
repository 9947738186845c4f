using CudaBn.Backends.Cuda;
using NUnit.Framework;

namespace CudaBn.Tests.Support;

/// <summary>Tests of the CUDA backend itself: each has a backend of its own, whose memory nobody else uses.</summary>
public abstract class CudaFixture
{
    private CudaBackend? _backend;

    protected CudaBackend Backend => _backend ?? throw new InvalidOperationException("The fixture is not set up.");

    protected Device Device => Backend.Device;

    [SetUp]
    public void OpenBackend()
    {
        CudaUnderTest.Open();
        _backend = new CudaBackend();
    }

    [TearDown]
    public void DisposeBackend() => _backend?.Dispose();

    protected static float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(i => (float)i)];
}
