using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

/// <summary>Inputs on which batch normalization elsewhere is known to go wrong.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class BatchNormAccuracyTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private const double Epsilon = 1e-5;

    private static readonly Shape[] ConstantShapes =
        [[2, 2], [7, 2], [3, 2, 5], [5, 2, 33], [3, 2, 24, 24], [3, 2, 10000], [20000, 2]];

    private static readonly Shape[] Shapes = [[64, 3], [8, 3, 17], [4, 3, 24, 24], [2, 3, 10000], [9000, 5], [400, 300]];

    private static IEnumerable<TestCaseData> FarMeans() =>
        [.. from mean in new[] { 1e2, -1e4, 1e4, 1e6 } from shape in Shapes select new TestCaseData(mean, shape)];

    private static IEnumerable<TestCaseData> Constants() =>
    [
        .. from constant in new[] { 0, 0.1, -0.1, 3.7, 1e-30, 1e4, 123456.789, -1e30, 1e38, -2.5e37 }
           from shape in ConstantShapes
           select new TestCaseData(constant, shape),
    ];

    [TestCaseSource(nameof(FarMeans))]
    public void Training_MeanFarFromZero_KeepsItsDigits(double mean, Shape shape)
    {
        var x = Rounded(Array.ConvertAll(
            RandomVector.Normal(1, (int)shape.ElementCount), value => mean + value));
        var (y, gradInput, c, gradOutput) = Train(x, shape);

        Assert.Multiple(() =>
        {
            ErrorBound.AssertWithin("output", y, c.Output, c.OutputBound);
            ErrorBound.AssertWithin(
                "input gradient", gradInput, c.Backward(gradOutput).GradInput, c.BackwardBounds(gradOutput).GradInput);
            Assert.That(Comparison.RelativeError(y, c.Output), Is.LessThan(1e-3));
            Assert.That(
                Comparison.RelativeError(gradInput, c.Backward(gradOutput).GradInput), Is.LessThan(1e-3));
        });
    }

    // Equal terms of a sum may all round to the same side: forty values, as one of a few does not.
    [Test]
    public void Training_AllButAFewValuesAreEqual_StaysWithinRounding([Values(165, 240, 1000)] int spatial)
    {
        Shape shape = [17, 40, spatial];
        var x = new double[shape.ElementCount];
        for (var i = 40 * spatial; i < x.Length; i++)
            x[i] = 1 + i / spatial % 40 / 40.0;
        x = Rounded(x);
        var (y, gradInput, c, gradOutput) = Train(x, shape);

        ErrorBound.AssertWithin("output", y, c.Output, c.OutputBound);
        ErrorBound.AssertWithin(
            "input gradient", gradInput, c.Backward(gradOutput).GradInput, c.BackwardBounds(gradOutput).GradInput);
    }

    [TestCaseSource(nameof(Constants))]
    public void Training_ConstantInput_IsExactlyBeta(double constant, Shape shape)
    {
        var x = Rounded(Array.ConvertAll(new double[shape.ElementCount], _ => constant));
        var layer = OnDevice(new BatchNorm(2, momentum: 1));
        var (gamma, beta) = (Rounded([1.7, -0.3]), Rounded([0.1, -2.3]));
        Write(gamma, layer.Gamma!.Value);
        Write(beta, layer.Beta!.Value);

        var y = Read(layer.Forward(TensorOf(x, shape)));

        var spatial = x.Length / shape[0] / 2;
        var expected = new double[x.Length];
        for (var i = 0; i < expected.Length; i++)
            expected[i] = beta[i / spatial % 2];
        ErrorBound.AssertEqual("output", y, expected);
        ErrorBound.AssertEqual("running mean", Read(layer.RunningMean!), [x[0], x[0]]);
        ErrorBound.AssertEqual("running variance", Read(layer.RunningVariance!), [0, 0]);
    }

    [TestCaseSource(nameof(Shapes))]
    public void Training_HugeValues_StayWithinRounding(Shape shape)
    {
        var x = Rounded(Array.ConvertAll(
            RandomVector.Normal(2, (int)shape.ElementCount), value => 1e30 * value));
        var (y, gradInput, c, gradOutput) = Train(x, shape);

        Assert.Multiple(() =>
        {
            ErrorBound.AssertWithin("output", y, c.Output, c.OutputBound);
            ErrorBound.AssertWithin(
                "input gradient", gradInput, c.Backward(gradOutput).GradInput, c.BackwardBounds(gradOutput).GradInput);
        });
    }

    [TestCaseSource(nameof(Shapes))]
    public void Training_TinyValues_StayWithinRounding(Shape shape)
    {
        var x = Rounded(Array.ConvertAll(
            RandomVector.Normal(3, (int)shape.ElementCount), value => 1e-12 * value));
        var (y, _, c, _) = Train(x, shape);

        ErrorBound.AssertWithin("output", y, c.Output, c.OutputBound);
    }

    [TestCaseSource(nameof(Shapes))]
    public void Training_OutlierAsFirstElement_StaysWithinRounding(Shape shape)
    {
        // A shift by the first element would leave every other difference with the outlier's roundoff.
        var x = Rounded(RandomVector.Normal(4, (int)shape.ElementCount));
        var spatial = x.Length / shape[0] / shape[1];
        for (var channel = 0; channel < shape[1]; channel++)
            x[channel * spatial] = 1e6;
        var (y, gradInput, c, gradOutput) = Train(x, shape);

        Assert.Multiple(() =>
        {
            ErrorBound.AssertWithin("output", y, c.Output, c.OutputBound);
            ErrorBound.AssertWithin(
                "input gradient", gradInput, c.Backward(gradOutput).GradInput, c.BackwardBounds(gradOutput).GradInput);
        });
    }

    [Test]
    public void Training_NaNInOneChannel_StaysInThatChannel()
    {
        Shape shape = [5, 3, 40];
        var x = Rounded(RandomVector.Normal(5, (int)shape.ElementCount));
        var (clean, cleanGradient, _, _) = Train(x, shape);
        x[40 + 3] = double.NaN;

        var (y, gradInput, _, _) = Train(x, shape);

        for (var i = 0; i < x.Length; i++)
        {
            if (i / 40 % 3 == 1)
                (clean[i], cleanGradient[i]) = (double.NaN, double.NaN);
        }

        ErrorBound.AssertExact("output", y, clean);
        ErrorBound.AssertExact("input gradient", gradInput, cleanGradient);
    }

    private (double[] Y, double[] GradInput, BatchNormCase Case, double[] GradOutput) Train(double[] x, Shape shape)
    {
        var gradOutput = Rounded(RandomVector.Normal(31, x.Length));
        var layer = OnDevice(new BatchNorm(shape[1]));
        var y = Read(layer.Forward(TensorOf(x, shape)));
        var gradInput = Read(layer.Backward(TensorOf(gradOutput, shape)));
        var (gamma, beta) = (Read(layer.Gamma!.Value), Read(layer.Beta!.Value));
        return (y, gradInput, new BatchNormCase(x, gamma, beta, shape, Epsilon, UnitRoundoff), gradOutput);
    }
}
