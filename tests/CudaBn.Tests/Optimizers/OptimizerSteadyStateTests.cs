using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Optimizers;

/// <summary>An optimizer takes no managed memory once its steps repeat, whatever its learning rate does.</summary>
[NonParallelizable]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class OptimizerSteadyStateTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    [Test]
    public void Steps_AllocateNothing([Values("Sgd", "Adam", "AdamW")] string kind)
    {
        var c = new OptimizerCase(kind, 0.01, 0.1, 0.9, 0.5, 1e-4, false, 3);
        var optimizer = Own(c.Create([MakeParameter(100), MakeParameter(20_000)]));
        // The first change of the rate in a process allocates, too, as any code may when it is first compiled.
        Steps(3);
        Assert.That(Allocations.Of(() => Steps(10)), Is.Zero);

        void Steps(int count)
        {
            for (var step = 0; step < count; step++)
            {
                optimizer.LearningRate *= 0.9;
                optimizer.Step();
            }
        }
    }

    private Parameter MakeParameter(int size) => Own(new Parameter($"p{size}", [size], DType, Device));
}
