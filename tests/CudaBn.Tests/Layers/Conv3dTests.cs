using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class Conv3dTests(TestBackend backend, DType dtype) : ConvFixture(backend, dtype)
{
    private static readonly ReferenceAxis One = ReferenceAxis.None;

    private static IEnumerable<ConvCase> Cases() =>
    [
        ConvCase.Volume(1, 1, 1, One, One, One, bias: false),
        ConvCase.Volume(2, 3, 4, new(4, 3), new(5, 3), new(6, 3), bias: true),
        ConvCase.Volume(2, 3, 4, new(4, 3, 1, 1, 1), new(5, 3, 1, 1, 1), new(16, 3, 1, 1, 1), bias: true),
        ConvCase.Volume(17, 2, 3, new(3, 2, 1, 1, 0), new(4, 2, 1, 0, 1), new(5, 2), bias: true),
        ConvCase.Volume(2, 4, 6, new(7, 3, 2, 1, 1), new(8, 3, 2, 1, 1), new(9, 3, 2, 1, 1), bias: false),
        ConvCase.Volume(1, 3, 5, new(6, 2, 3, 0, 2, 2), new(5, 2, 1, 0, 0, 3), new(7, 3, 2, 2, 2, 2), bias: true),
        // One slice: of the input, of the kernel, of the output.
        ConvCase.Volume(2, 3, 4, new(1, 3, 1, 1, 1), new(6, 3, 1, 1, 1), new(6, 3, 1, 1, 1), bias: true),
        ConvCase.Volume(2, 3, 4, new(5, 1, 2), new(6, 3, 1, 1, 1), new(6, 3, 1, 1, 1), bias: true),
        ConvCase.Volume(2, 3, 4, new(5, 5), new(6, 3, 1, 1, 1), new(6, 3, 1, 1, 1), bias: true),
        // One slice of everything, but the window meets padding in its place.
        ConvCase.Volume(2, 3, 4, new(1, 1, 4, 3), new(6, 3, 1, 1, 1), new(6, 3, 1, 1, 1), bias: true),
        // No weight sees another row, or no padding another slice.
        ConvCase.Volume(2, 5, 7, new(3, 1), new(4, 1), new(8, 1), bias: true),
        ConvCase.Volume(2, 5, 7, new(3, 1), new(4, 1), new(8, 3, 1, 1, 1), bias: true),
        ConvCase.Volume(2, 3, 4, new(3, 1, 1, 1, 0), new(4, 1), new(8, 1), bias: true),
        // Slices of the kernel that meet padding alone.
        ConvCase.Volume(1, 2, 3, new(2, 2, 1, 3, 2), new(3, 2, 1, 1, 1), new(4, 2), bias: true),
        // The kernel is as large as the input.
        ConvCase.Volume(3, 4, 5, new(2, 2), new(3, 3), new(4, 4), bias: true),
        // Groups and depthwise.
        ConvCase.Volume(2, 4, 6, new(4, 3, 1, 1, 1), new(5, 3, 1, 1, 1), new(6, 3, 1, 1, 1), bias: true, groups: 2),
        ConvCase.Volume(2, 3, 3, new(4, 3, 1, 1, 1), new(5, 3, 1, 1, 1), new(20, 3, 1, 1, 1), bias: true, groups: 3),
        ConvCase.Volume(2, 3, 6, new(7, 3, 2, 1, 1), new(8, 3, 2, 1, 1), new(9, 3, 2, 1, 1), bias: true, groups: 3),
        ConvCase.Volume(2, 2, 6, new(5, 2, 3, 1, 2, 2), new(6, 2, 2, 0, 1, 3), new(9, 3, 1, 2, 0, 2), bias: true, groups: 2),
    ];

    [TestCaseSource(nameof(Cases))]
    public void ForwardAndBackward_NormalNumbers_AreWithinRounding(ConvCase c) => CheckNormalNumbers(c, seed: 1);

    [TestCaseSource(nameof(Cases))]
    public void ForwardAndBackward_SmallIntegers_AreExact(ConvCase c) => CheckSmallIntegers(c);

    [TestCaseSource(nameof(Cases))]
    public void Backward_WithoutTheWeightGradient_GivesTheSameInputGradient(ConvCase c) => CheckInputGradientAlone(c);

    [Test]
    public void Forward_ByHand()
    {
        var layer = OnDevice(new Conv3d(1, 1, (2, 1, 2), bias: false));
        Write([1, 10, 100, 1000], layer.Weight!.Value);

        var y = layer.Forward(TensorOf([1, 2, 3, 4, 5, 6, 7, 8], [1, 1, 2, 2, 2]));

        Assert.That(y.Shape, Is.EqualTo(new Shape([1, 1, 1, 2, 1])));
        Assert.That(Read(y), Is.EqualTo(new double[] { 1 + 20 + 500 + 6000, 3 + 40 + 700 + 8000 }));
    }
}
