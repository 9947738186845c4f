using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class DeterminismTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    [Test]
    public void EveryOperator_RunAfterRun_GivesTheSameBits()
    {
        var first = EveryOperator.Run(Device, DType);

        var again = EveryOperator.Run(Device, DType);

        Assert.Multiple(() =>
        {
            foreach (var ((name, bits), (_, bitsAgain)) in first.Zip(again))
                Assert.That(bitsAgain.AsSpan().SequenceEqual(bits), name);
        });
    }
}
