using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class Conv1dTests(TestBackend backend, DType dtype) : ConvFixture(backend, dtype)
{
    private static IEnumerable<ConvCase> Cases() =>
    [
        ConvCase.Signal(1, 1, 1, new(1, 1), bias: false),
        ConvCase.Signal(2, 1, 16, new(200, 9, 1, 4, 4), bias: true),
        ConvCase.Signal(3, 16, 20, new(100, 3, 1, 1, 1), bias: true),
        ConvCase.Signal(33, 4, 6, new(20, 5, 2, 2, 2), bias: true),
        ConvCase.Signal(1, 40, 33, new(50, 3, 2, 1, 0), bias: false),
        // Causal: all padding before the first element.
        ConvCase.Signal(2, 8, 8, new(64, 2, 1, 8, 0, 8), bias: true),
        ConvCase.Signal(2, 6, 6, new(75, 3, 1, 4, 4, 4), bias: true, groups: 6),
        ConvCase.Signal(2, 6, 12, new(75, 4, 2, 1, 2), bias: true, groups: 6),
        ConvCase.Signal(5, 6, 9, new(31, 3, 3, 0, 2, 2), bias: true, groups: 3),
        ConvCase.Signal(1, 2, 3, new(2500, 5, 1, 2, 2), bias: true),
        ConvCase.Signal(1, 2, 2, new(2500, 5, 2, 2, 2), bias: true, groups: 2),
    ];

    [TestCaseSource(nameof(Cases))]
    public void ForwardAndBackward_NormalNumbers_AreWithinRounding(ConvCase c) => CheckNormalNumbers(c, seed: 1);

    [TestCaseSource(nameof(Cases))]
    public void ForwardAndBackward_SmallIntegers_AreExact(ConvCase c) => CheckSmallIntegers(c);

    [Test]
    public void Forward_ByHand()
    {
        var layer = OnDevice(new Conv1d(1, 1, 2, padding: (1, 0), dilation: 2));
        Write([1, 10], layer.Weight!.Value);
        Write([100], layer.Bias!.Value);

        // -1 and 1, 0 and 2, 1 and 3.
        var y = layer.Forward(TensorOf([1, 2, 3, 4], [1, 1, 4]));

        Assert.That(y.Shape, Is.EqualTo(new Shape([1, 1, 3])));
        Assert.That(Read(y), Is.EqualTo(new double[] { 120, 131, 142 }));
    }
}
