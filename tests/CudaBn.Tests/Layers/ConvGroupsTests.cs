using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

/// <summary>Groups, depthwise convolutions, dilation and padding that differs at begin and end.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class ConvGroupsTests(TestBackend backend, DType dtype) : ConvFixture(backend, dtype)
{
    private static ConvCase Groups(
        int groups, int batch, int inChannels, int outChannels, ReferenceAxis rows, ReferenceAxis columns) =>
        ConvCase.Image(batch, inChannels, outChannels, rows, columns, bias: true, groups);

    private static ReferenceAxis Same(int size, int kernel = 3, int stride = 1, int dilation = 1) =>
        new(size, kernel, stride, dilation * (kernel / 2), dilation * (kernel / 2), dilation);

    private static IEnumerable<ConvCase> Depthwise() =>
    [
        Groups(5, 2, 5, 5, Same(14), Same(14)),
        Groups(3, 3, 3, 3, Same(7), Same(7)),
        Groups(3, 1, 3, 6, Same(9, 5), Same(33, 5)),
        Groups(2, 17, 2, 8, Same(6), Same(5)),
        // More output channels than a depthwise path takes.
        Groups(3, 2, 3, 15, Same(8), Same(17)),
        Groups(2, 3, 2, 20, Same(6), Same(6)),
        // Strides, with and without a phase that no weight meets.
        Groups(4, 2, 4, 4, Same(15, 3, 2), Same(18, 3, 2)),
        Groups(4, 2, 4, 8, Same(16, 3, 2), Same(37, 3, 2)),
        Groups(3, 2, 3, 3, new(9, 1, 2), new(10, 1, 3)),
        Groups(3, 2, 3, 3, new(11, 2, 3, 2), new(13, 4, 3, 0, 2)),
        Groups(3, 2, 3, 3, new(9, 3, 1, 1, 1, 2), new(40, 3, 2, 0, 5, 2)),
        // Windows that lie in the padding wholly.
        Groups(3, 2, 3, 6, new(2, 2, 1, 3, 4), new(3, 2, 2, 4, 0)),
        // The kernel meets the whole input.
        Groups(3, 2, 3, 3, new(4, 4), new(5, 5)),
        // Bands of rows; many images to a share.
        Groups(2, 1, 2, 2, Same(90), Same(70)),
        Groups(2, 1, 2, 4, Same(80, 3, 2), Same(90, 7, 2)),
        Groups(2, 1, 2, 4, Same(90, 5), Same(80, 7)),
        Groups(3, 2, 3, 3, new(60, 4, 1, 3, 0), new(110, 5, 3, 1, 2)),
        Groups(2, 70, 2, 2, Same(4), Same(4)),
        Groups(70, 3, 70, 70, Same(5), Same(4)),
        // A step of two between windows: rows or columns alone, phases that no weight meets, odd and even padding, and more of
        // it than a step; rows that fill no register, several of them, and bands.
        Groups(3, 2, 3, 3, Same(7, 3, 2), Same(7, 3, 2)),
        Groups(3, 2, 3, 3, new(8, 3, 2, 0, 1), new(9, 3, 2, 0, 1)),
        Groups(3, 2, 3, 3, new(9, 3, 1, 1, 1), new(35, 3, 2, 1, 1)),
        Groups(3, 2, 3, 3, new(9, 2, 2), new(36, 3, 1, 1, 1)),
        Groups(3, 2, 3, 3, new(5, 1, 2), new(6, 1, 2)),
        Groups(3, 2, 3, 3, new(13, 5, 2, 2, 2), new(40, 5, 2, 2, 1)),
        Groups(3, 2, 3, 3, new(12, 4, 2, 3, 3), new(18, 7, 2, 4, 3)),
        Groups(3, 2, 3, 3, new(3, 2, 2, 1, 6), new(4, 2, 2, 1, 5)),
        Groups(2, 1, 2, 2, Same(120, 3, 2), Same(150, 3, 2)),
        Groups(2, 1, 2, 2, Same(90, 7, 2), Same(75, 7, 2)),
    ];

    private static IEnumerable<ConvCase> SmallGroups() =>
    [
        Groups(2, 2, 4, 6, Same(5), Same(6)),
        Groups(2, 3, 4, 12, new(3, 3), new(4, 4)),
        Groups(3, 17, 6, 3, Same(4), Same(5)),
        Groups(2, 33, 6, 4, Same(6), Same(5, 3, 2)),
        Groups(4, 2, 12, 8, Same(12), Same(28)),
        Groups(2, 1, 66, 40, Same(6), Same(24)),
        Groups(2, 20, 64, 64, new(2, 1), new(12, 3)),
        Groups(2, 2, 80, 74, new(24, 1), new(16, 1)),
        Groups(2, 2, 20, 14, Same(17, 3, 2), Same(18, 3, 2)),
        Groups(2, 1, 16, 10, Same(64, 5, 2), Same(30, 5, 2)),
        Groups(2, 1, 2, 66, Same(20), Same(20)),
        Groups(2, 1, 80, 130, new(6, 1), new(6, 1)),
        Groups(2, 2, 8, 9 * 2, new(9, 2, 1, 3), new(7, 3, 2, 0, 2)),
        // As many channels as pixels side by side are worth: in several bands, at stride 2, with rows that fill no block.
        Groups(3, 2, 24, 24, Same(28), Same(28)),
        Groups(2, 3, 16, 10, Same(61), Same(19)),
        Groups(2, 1, 18, 12, Same(24, 5), Same(16, 5)),
        Groups(2, 2, 12, 16, Same(32, 3, 2), Same(32, 3, 2)),
        Groups(2, 2, 16, 16, Same(16, 3, 1, 2), Same(15, 3, 1, 3)),
    ];

    private static IEnumerable<ConvCase> Dilated() =>
    [
        Groups(1, 1, 3, 7, new(20, 3, 1, 2, 2, 2), new(28, 3, 1, 2, 2, 2)),
        Groups(1, 2, 1, 20, new(28, 5, 1, 0, 0, 2), new(28, 5, 1, 0, 0, 2)),
        Groups(1, 2, 3, 5, new(13, 3, 1, 4, 4, 4), new(31, 2, 1, 3, 3, 6)),
        Groups(1, 1, 33, 40, new(6, 3, 1, 2, 2, 2), new(24, 3, 1, 3, 3, 3)),
        Groups(1, 1, 64, 33, new(12, 3, 1, 0, 0, 3), new(13, 3, 1, 0, 0, 2)),
        Groups(1, 33, 3, 7, new(7, 3, 1, 2, 2, 2), new(7, 2, 1, 1, 1, 3)),
        // Stride and dilation with a common divisor, without one, and one the multiple of the other.
        Groups(1, 17, 3, 7, new(9, 3, 2, 2, 2, 2), new(8, 2, 4, 1, 0, 2)),
        Groups(1, 17, 4, 7, new(11, 3, 2, 3, 3, 3), new(13, 3, 3, 2, 2, 2)),
        Groups(1, 3, 2, 6, new(14, 3, 4, 3, 6, 6), new(17, 3, 6, 4, 4, 4)),
        Groups(1, 2, 40, 33, new(9, 3, 2, 2, 2, 2), new(9, 3, 2, 2, 2, 2)),
        Groups(1, 2, 2, 14, new(19, 4, 3, 2, 0, 2), new(23, 3, 2, 1, 4, 4)),
        Groups(3, 2, 9, 6, new(12, 3, 1, 2, 2, 2), new(27, 3, 1, 2, 2, 2)),
        // As many places as the input, of which some meet padding.
        Groups(1, 2, 3, 4, new(1, 1), new(3, 3, 1, 0, 2, 2)),
        Groups(1, 2, 3, 4, new(3, 3, 1, 0, 2, 2), new(4, 4)),
        // Gradients as products of matrices.
        Groups(1, 2, 3, 200, new(23, 6, 3, 4, 2, 3), new(19, 5, 3, 3, 1, 2)),
        Groups(2, 3, 6, 128, new(13, 4, 4, 1, 1, 2), new(14, 5, 3, 3, 1, 2)),
    ];

    private static IEnumerable<ConvCase> Uneven() =>
    [
        // "Same" of an even kernel.
        Groups(1, 2, 3, 5, new(9, 2, 1, 0, 1), new(28, 4, 1, 1, 2)),
        Groups(1, 1, 33, 40, new(5, 2, 1, 0, 1), new(24, 4, 1, 2, 1)),
        Groups(1, 33, 3, 5, new(5, 2, 1, 0, 1), new(6, 4, 1, 1, 2)),
        Groups(1, 33, 3, 5, new(5, 3, 1, 0, 0), new(6, 4, 1, 0, 2)),
        Groups(1, 2, 1, 20, new(12, 5, 1, 4, 0), new(28, 5, 1, 0, 4)),
        // Windows wholly in the padding of one side.
        Groups(1, 2, 3, 4, new(6, 2, 1, 0, 3), new(20, 2, 1, 3, 0)),
        Groups(1, 2, 33, 34, new(6, 1, 1, 0, 2), new(13, 1, 1, 1, 0)),
        // Phases of stride 2.
        Groups(1, 2, 5, 7, new(16, 3, 2, 0, 1), new(18, 3, 2, 0, 1)),
        Groups(1, 2, 20, 9, new(13, 3, 2, 0, 4), new(12, 2, 2, 1, 5)),
        Groups(1, 1, 3, 9, new(30, 7, 2, 2, 3), new(33, 7, 2, 3, 2)),
        // A whole block of pixels with a column of zeros on one side: nothing may be read in place.
        Groups(1, 1, 40, 37, new(24, 1, 1), new(31, 1, 1, 0, 1)),
        Groups(1, 2, 33, 40, new(3, 1, 1), new(25, 3, 1, 0, 2)),
    ];

    private static IEnumerable<ConvCase> Cases() => [.. Depthwise(), .. SmallGroups(), .. Dilated(), .. Uneven()];

    [TestCaseSource(nameof(Cases))]
    public void ForwardAndBackward_NormalNumbers_AreWithinRounding(ConvCase c) => CheckNormalNumbers(c, seed: 1);

    [TestCaseSource(nameof(Cases))]
    public void ForwardAndBackward_SmallIntegers_AreExact(ConvCase c) => CheckSmallIntegers(c);

    [TestCaseSource(nameof(Depthwise))]
    public void BackwardParameters_GivesTheGradientsOfBackward(ConvCase c)
    {
        var (x, weight, bias, gradOutput) = Inputs(c, RandomVector.Normal, seed: 3);

        var whole = Run(c, x, weight, bias, gradOutput);
        var parametersOnly = Run(c, x, weight, bias, gradOutput, needsInputGradient: false);

        Assert.That(parametersOnly.GradInput, Is.Null);
        parametersOnly.AssertEqual(whole);
    }

    [Test]
    public void Depthwise_Backward_WithoutTheWeightGradient_GivesTheSameInputGradient()
    {
        foreach (var c in Depthwise().Concat(SmallGroups()))
            CheckInputGradientAlone(c);
    }

    [Test]
    public void Dilation_OfAKernelOfOnePlace_MeansNothing()
    {
        var plain = Groups(1, 2, 4, 6, new(5, 1), new(7, 3, 1, 1, 1));
        var dilated = Groups(1, 2, 4, 6, new(5, 1, Dilation: 1000), new(7, 3, 1, 1, 1));
        var (x, weight, bias, gradOutput) = Inputs(plain, RandomVector.Normal, seed: 2);

        Run(dilated, x, weight, bias, gradOutput).AssertEqual(Run(plain, x, weight, bias, gradOutput));
    }

    [Test]
    public void Depthwise_NaNInOneChannelOfOneImage_StaysThere()
    {
        var c = Groups(3, 4, 3, 6, Same(6), Same(9));
        var (x, weight, bias, gradOutput) = Inputs(c, RandomVector.Normal, seed: 4);
        var clean = Run(c, x, weight, bias, gradOutput).Output;
        Array.Fill(x, double.NaN, (2 * 3 + 1) * 54, 54);

        var output = Run(c, x, weight, bias, gradOutput).Output;

        Array.Fill(clean, double.NaN, (2 * 6 + 2) * 54, 2 * 54);
        ErrorBound.AssertEqual("output", output, clean);
    }

    [Test]
    public void Depthwise_NaNThatNoWindowMeets_ReachesNothing()
    {
        // The stride leaves the last row and column out.
        var c = Groups(2, 2, 2, 2, new(6, 2, 3), new(8, 3, 4)) with { Bias = false };
        var (x, weight, bias, gradOutput) = Inputs(c, RandomVector.Normal, seed: 5);
        var clean = Run(c, x, weight, bias, gradOutput);
        for (var i = 0; i < x.Length; i++)
        {
            if (i % 8 % 4 == 3 || i / 8 % 6 % 3 == 2)
                x[i] = double.NaN;
        }

        Run(c, x, weight, bias, gradOutput).AssertEqual(clean);
    }
}
