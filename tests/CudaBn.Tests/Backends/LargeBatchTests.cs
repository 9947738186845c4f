using CudaBn.Tests.Layers;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends;

/// <summary>Batches beyond 65,535 and 880,801 images, at which launch grids elsewhere end.</summary>
[Parallelizable(ParallelScope.Self)]
[Category("Large")]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InFloat32))]
public class LargeBatchTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private const int Batch = 900_000;

    private static readonly Shape ImageShape = [Batch, 1, 2, 2];

    [Test]
    public void BatchNorm_ForwardAndBackward()
    {
        var layer = OnDevice(new BatchNorm(1));
        var x = RandomVector.Integers(1, 4 * Batch, 3);
        var gradOutput = RandomVector.Integers(2, 4 * Batch, 3);
        // So far out that sums without the last image are visibly wrong.
        (x[^1], gradOutput[^1]) = (3000, 5000);

        var y = Read(layer.Forward(TensorOf(x, ImageShape)));
        var gradInput = Read(layer.Backward(TensorOf(gradOutput, ImageShape)));

        var c = new BatchNormCase(x, [1], [0], ImageShape, layer.Epsilon, UnitRoundoff);
        var (expected, bounds) = (c.Backward(gradOutput), c.BackwardBounds(gradOutput));
        Assert.Multiple(() =>
        {
            ErrorBound.AssertWithin("output", y, c.Output, c.OutputBound);
            ErrorBound.AssertWithin("input gradient", gradInput, expected.GradInput, bounds.GradInput);
            ErrorBound.AssertWithin(
                "gamma gradient", Read(layer.Gamma!.Gradient), expected.GradGamma, bounds.GradGamma);
            ErrorBound.AssertWithin(
                "beta gradient", Read(layer.Beta!.Gradient), expected.GradBeta, bounds.GradBeta);
        });
    }

    [Test]
    public void BatchNorm_Rows_ForwardAndBackward()
    {
        Shape shape = [Batch, 2];
        var layer = OnDevice(new BatchNorm(2));
        var x = RandomVector.Integers(1, 2 * Batch, 3);
        var gradOutput = RandomVector.Integers(2, 2 * Batch, 3);
        (x[^1], gradOutput[^1]) = (3000, 5000);

        var y = Read(layer.Forward(TensorOf(x, shape)));
        var gradInput = Read(layer.Backward(TensorOf(gradOutput, shape)));

        var c = new BatchNormCase(x, [1, 1], [0, 0], shape, layer.Epsilon, UnitRoundoff);
        var (expected, bounds) = (c.Backward(gradOutput), c.BackwardBounds(gradOutput));
        ErrorBound.AssertWithin("output", y, c.Output, c.OutputBound);
        ErrorBound.AssertWithin("input gradient", gradInput, expected.GradInput, bounds.GradInput);
        ErrorBound.AssertWithin("gamma gradient", Read(layer.Gamma!.Gradient), expected.GradGamma, bounds.GradGamma);
        ErrorBound.AssertWithin("beta gradient", Read(layer.Beta!.Gradient), expected.GradBeta, bounds.GradBeta);
    }

    private static IEnumerable<TestCaseData> FusedNetworks() =>
    [
        Case("planes, ReLU", () => new Sequential(new BatchNorm(1), new ReLU()), ImageShape),
        Case("planes, ReLU, MaxPool2d", () => new Sequential(new BatchNorm(1), new ReLU(), new MaxPool2d(2)), ImageShape),
        Case("planes, addition, ReLU", () => new Sequential(new Residual(new BatchNorm(1)), new ReLU()), ImageShape),
        Case("rows, ReLU", () => new Sequential(new BatchNorm(2), new ReLU()), [Batch, 2]),
        Case("rows, addition, ReLU", () => new Sequential(new Residual(new BatchNorm(2)), new ReLU()), [Batch, 2]),
    ];

    [TestCaseSource(nameof(FusedNetworks))]
    public void BatchNorm_Fused_ForwardAndBackward(Func<Sequential> create, Shape shape)
    {
        Sequential fused = OnDevice(create()), chain = OnDevice(create());
        chain.FusesLayers = false;
        var x = RandomVector.Integers(1, (int)shape.ElementCount, 3);
        x[^1] = 3000;
        var input = TensorOf(x, shape);

        var y = fused.Forward(input);

        ErrorBound.AssertExact("output", Read(y), Read(chain.Forward(input)));
        // Integers add up without rounding.
        var gradOutput = RandomVector.Integers(2, (int)y.ElementCount, 3);
        gradOutput[^1] = 5000;
        var gradient = TensorOf(gradOutput, y.Shape);
        var (gradInput, expected) = (Read(fused.Backward(gradient)), Read(chain.Backward(gradient)));
        Assert.That(Comparison.RelativeError(gradInput, expected), Is.LessThan(64 * UnitRoundoff));
        // The last image's gradient is far above all others.
        Assert.That(
            Comparison.RelativeError(gradInput.AsSpan()[^4..].ToArray(), expected.AsSpan()[^4..].ToArray()), Is.LessThan(64 * UnitRoundoff));
        ErrorBound.AssertEqual(
            "beta gradient", Read(fused.Parameters[1].Gradient), Read(chain.Parameters[1].Gradient));
    }

    [Test]
    public void LeakyReLU_ForwardAndBackward()
    {
        var layer = OnDevice(new LeakyReLU(0.5));
        var x = RandomVector.Integers(1, 4 * Batch, 1000);
        var gradOutput = RandomVector.Integers(2, 4 * Batch, 1000);

        var y = Read(layer.Forward(TensorOf(x, ImageShape)));
        var gradInput = Read(layer.Backward(TensorOf(gradOutput, ImageShape)));

        ErrorBound.AssertEqual("output", y, Map(4 * Batch, i => x[i] > 0 ? x[i] : x[i] / 2));
        ErrorBound.AssertEqual("input gradient", gradInput, Map(4 * Batch, i => x[i] > 0 ? gradOutput[i] : gradOutput[i] / 2));
    }

    [Test]
    public void Dropout_ForwardAndBackward()
    {
        var layer = OnDevice(new Dropout(0.5));
        var x = RandomVector.Integers(1, 4 * Batch, 1000);

        var y = Read(layer.Forward(TensorOf(x, ImageShape)));
        var gradInput = Read(layer.Backward(TensorOf(x, ImageShape)));

        // Step 1 of the first stream of seed 0.
        ErrorBound.AssertEqual(
            "output", y, Map(4 * Batch, i => x[i] * ReferenceDropout.Factor(0.5, seed: 0, stream: 0, step: 1, i)));
        ErrorBound.AssertEqual("input gradient", gradInput, y);
    }

    [Test]
    public void ReLU_ForwardAndBackward()
    {
        var layer = OnDevice(new ReLU());
        var x = RandomVector.Integers(1, 4 * Batch, 1000);
        var gradOutput = RandomVector.Integers(2, 4 * Batch, 1000);

        var y = Read(layer.Forward(TensorOf(x, ImageShape)));
        var gradInput = Read(layer.Backward(TensorOf(gradOutput, ImageShape)));

        ErrorBound.AssertEqual("output", y, ReferenceReLU.Forward(x));
        ErrorBound.AssertEqual("input gradient", gradInput, ReferenceReLU.Backward(gradOutput, y));
    }

    [Test]
    public void MaxPool2d_ForwardAndBackward()
    {
        var layer = OnDevice(new MaxPool2d(2));
        var x = RandomVector.Integers(1, 4 * Batch, 1000);
        var gradOutput = RandomVector.Integers(2, Batch, 1000);

        var y = Read(layer.Forward(TensorOf(x, ImageShape)));
        var gradInput = Read(layer.Backward(TensorOf(gradOutput, [Batch, 1, 1, 1])));

        var (expected, indices) = ReferenceMaxPool2d.Forward(x, Batch, 1, 2, 2, 2, 2, 2, 2, 0, 0);
        ErrorBound.AssertEqual("output", y, expected);
        ErrorBound.AssertEqual(
            "input gradient", gradInput, ReferenceMaxPool2d.Backward(gradOutput, indices, Batch, 1, 2, 2, 1, 1));
    }

    [Test]
    public void AvgPool2d_ForwardAndBackward() => CheckMeans(new AvgPool2d(2));

    [Test]
    public void AdaptiveAvgPool2d_ForwardAndBackward()
    {
        // One row of two columns for each image.
        var layer = OnDevice(new AdaptiveAvgPool2d(1, 2));
        var x = RandomVector.Integers(1, 4 * Batch, 1000);
        var gradOutput = RandomVector.Integers(2, 2 * Batch, 1000);

        var y = Read(layer.Forward(TensorOf(x, ImageShape)));
        var gradInput = Read(layer.Backward(TensorOf(gradOutput, [Batch, 1, 1, 2])));

        ErrorBound.AssertEqual(
            "output", y, Map(2 * Batch, i => (x[i / 2 * 4 + i % 2] + x[i / 2 * 4 + i % 2 + 2]) / 2));
        ErrorBound.AssertEqual("input gradient", gradInput, Map(4 * Batch, i => gradOutput[i / 4 * 2 + i % 2] / 2));
    }

    [Test]
    public void GlobalAvgPool_ForwardAndBackward() => CheckMeans(new GlobalAvgPool());

    [Test]
    public void Conv2d_ForwardAndBackward() => Check(new ConvCase(Batch, 1, 2, 2, 2, 2, 1, 0, true));

    [Test]
    public void Conv2d_Depthwise_ForwardAndBackward() =>
        Check(new ConvCase(Batch, 2, 2, 1, 2, (2, 1), 1, 0, true) { Groups = 2 });

    // Integers so small that even the sums over the whole batch stay below 2^24.
    private void Check(ConvCase c)
    {
        var layer = OnDevice(c.CreateLayer());
        var x = RandomVector.Integers(1, 4 * Batch, 2);
        var weight = RandomVector.Integers(2, (int)c.WeightShape.ElementCount, 3);
        double[] bias = [5, -7];
        var gradOutput = RandomVector.Integers(3, 2 * Batch, 2);
        Write(weight, layer.Weight!.Value);
        Write(bias, layer.Bias!.Value);

        var y = Read(layer.Forward(TensorOf(x, c.InputShape)));
        var gradInput = Read(layer.Backward(TensorOf(gradOutput, c.OutputShape)));

        new AffineResult(y, gradInput, Read(layer.Weight.Gradient), Read(layer.Bias.Gradient))
            .AssertEqual(c.Reference(x, weight, bias, gradOutput));
    }

    // Of integers over a power of two, without rounding.
    private void CheckMeans(Layer layer)
    {
        OnDevice(layer);
        var x = RandomVector.Integers(1, 4 * Batch, 1000);
        var gradOutput = RandomVector.Integers(2, Batch, 1000);

        var y = Read(layer.Forward(TensorOf(x, ImageShape)));
        var gradInput = Read(layer.Backward(TensorOf(gradOutput, [Batch, 1, 1, 1])));

        ErrorBound.AssertEqual(
            "output", y, Map(Batch, i => (x[4 * i] + x[4 * i + 1] + x[4 * i + 2] + x[4 * i + 3]) / 4));
        ErrorBound.AssertEqual("input gradient", gradInput, Map(4 * Batch, i => gradOutput[i / 4] / 4));
    }

    private static TestCaseData Case(string name, Func<Sequential> create, Shape shape) =>
        new TestCaseData(create, shape).SetArgDisplayNames(name, $"{shape}");

    private static double[] Map(int length, Func<int, double> value)
    {
        var values = new double[length];
        for (var i = 0; i < length; i++)
            values[i] = value(i);
        return values;
    }

    [Test]
    public void SoftmaxCrossEntropy_Forward()
    {
        var loss = Own(new SoftmaxCrossEntropy());
        var labels = new int[Batch];
        labels[Batch - 1] = 1;

        loss.Forward(TensorOf(new double[2 * Batch], [Batch, 2]), LabelsOf(labels));

        var totals = loss.ReadTotals();
        Assert.That(totals.Correct, Is.EqualTo(Batch - 1));
        ErrorBound.AssertWithin("loss", [totals.Loss], [Batch * Math.Log(2)], [Batch * 4 * UnitRoundoff]);
    }
}
