using CudaBn.Backends.Cpu;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

/// <summary>Pooling takes no managed memory once it runs, whichever of its ways a shape goes.</summary>
[NonParallelizable]
public class PoolSteadyStateTests
{
    private static IEnumerable<TestCaseData> Layers() =>
    [
        Case(() => new MaxPool1d(3, stride: 2), [4, 5, 70]),
        Case(() => new MaxPool2d(2), [4, 5, 12, 36]),
        Case(() => new MaxPool3d(3, stride: 2, padding: 1, ceilMode: true), [2, 3, 6, 7, 36]),
        Case(() => new AvgPool1d(400, stride: 3), [4, 5, 700]),
        Case(() => new AvgPool2d(3, stride: 2, padding: 1), [4, 5, 12, 36]),
        Case(() => new AvgPool3d(2), [2, 3, 6, 8, 36]),
        Case(() => new AdaptiveAvgPool2d(7), [4, 5, 12, 36]),
        Case(() => new AdaptiveAvgPool2d(1), [4, 5, 12, 36]),
        Case(() => new GlobalAvgPool(), [4, 5, 12, 36]),
    ];

    [TestCaseSource(nameof(Layers))]
    public void Steps_AllocateNothing(Func<Layer> create, Shape shape)
    {
        using var backend = new CpuBackend(threads: 2);
        using var layer = create();
        layer.Initialize(backend.Device);
        using var input = Tensor.Zeros(shape, DType.Float32, backend.Device);
        using var gradOutput = Tensor.Zeros(layer.Forward(input).Shape, DType.Float32, backend.Device);
        Steps(5);
        Assert.That(Allocations.Of(() => Steps(20)), Is.Zero);

        void Steps(int count)
        {
            for (var step = 0; step < count; step++)
            {
                layer.Forward(input);
                layer.Backward(gradOutput);
            }
        }
    }

    private static TestCaseData Case(Func<Layer> create, Shape shape)
    {
        using var layer = create();
        return new TestCaseData(create, shape).SetArgDisplayNames(layer.GetType().Name, shape.ToString());
    }
}
