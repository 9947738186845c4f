using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

/// <summary>Pooling recorded in a graph: replayed over another input, it gives what calls give.</summary>
public class PoolRecordingTests : CudaFixture
{
    private static IEnumerable<TestCaseData> Layers() =>
    [
        Case(() => new MaxPool1d(3, stride: 2, ceilMode: true), [2, 3, 30]),
        Case(() => new MaxPool2d(2), [2, 3, 6, 8]),
        Case(() => new MaxPool3d(3, stride: 2, padding: 1), [2, 3, 5, 6, 7]),
        Case(() => new AvgPool2d(3, stride: 2, padding: 1), [2, 3, 6, 8]),
        Case(() => new AdaptiveAvgPool2d(3), [2, 3, 7, 8]),
        Case(() => new GlobalAvgPool(), [2, 3, 7, 8]),
        // So large that a plane is cut into parts.
        Case(() => new GlobalAvgPool(), [1, 1, 130, 140]),
    ];

    [TestCaseSource(nameof(Layers))]
    public void Replay_OverAnotherInput_GivesWhatCallsGive(Func<Layer> create, Shape shape)
    {
        using var layer = create();
        layer.Initialize(Device);
        using var input = Tensor.From(Values(1, shape), shape, Device);
        var output = layer.Forward(input);
        using var gradOutput = Tensor.From(Values(2, output.Shape), output.Shape, Device);
        var gradInput = layer.Backward(gradOutput);
        using var recording = Backend.Record(() =>
        {
            layer.Forward(input);
            layer.Backward(gradOutput);
        });
        input.CopyFrom<float>(Values(3, shape));
        layer.Forward(input);
        layer.Backward(gradOutput);
        var (expected, expectedGradient) = (TensorBits.Of(output), TensorBits.Of(gradInput));
        Backend.Fill(output, double.NaN);
        Backend.Fill(gradInput, double.NaN);

        recording.Replay();

        Assert.That(TensorBits.Of(output), Is.EqualTo(expected));
        Assert.That(TensorBits.Of(gradInput), Is.EqualTo(expectedGradient));
    }

    private static float[] Values(int seed, Shape shape) =>
        Array.ConvertAll(RandomVector.Normal(seed, (int)shape.ElementCount), value => (float)value);

    private static TestCaseData Case(Func<Layer> create, Shape shape)
    {
        using var layer = create();
        return new TestCaseData(create, shape).SetArgDisplayNames(layer.GetType().Name, shape.ToString());
    }
}
