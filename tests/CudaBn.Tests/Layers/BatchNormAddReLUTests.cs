using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using static CudaBn.Tests.Layers.BatchNormAddReLUCase;

namespace CudaBn.Tests.Layers;

/// <summary>Batch normalization with an addition, a rectifier or both behind it as one operator: outputs exactly those of
/// batch normalization by itself and the reference of the rest; gradients those of the reference within rounding, and exactly
/// those of batch normalization by itself for the gradient that is let through.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class BatchNormAddReLUTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private const double Epsilon = 1e-5;

    private static IEnumerable<Shape> Shapes() =>
    [
        [2, 1], [33, 20], [257, 3], [37, 4], [300, 36], [3, 1030], [1, 3, 2], [3, 20, 15], [2, 3, 16], [5, 1, 17], [3, 3, 576], [1, 1, 2, 1, 1],
        [6, 3, 5, 7], [7, 20, 24, 24], [2, 3, 2, 3, 5],
        // As many values per channel as 256 and 512 threads of a GPU hold in registers, and more.
        [114, 2, 9], [455, 2, 9], [456, 2, 9],
        // More than a slice, in runs that cross its border and in runs of one.
        [3, 2, 10000], [1, 2, 16385], [2, 1, 128, 128], [40000, 2],
    ];

    private static IEnumerable<BatchNormAddReLUCase> Cases() =>
        from shape in Shapes()
        from mode in Enum.GetValues<Statistics>()
        from form in ((bool Adds, bool Rectifies)[])[(false, true), (true, false), (true, true)]
        from values in mode == Statistics.Batch ? (Numbers[])[Numbers.Normal, Numbers.FarMean, Numbers.Huge] : [Numbers.Normal]
        select new BatchNormAddReLUCase(shape, mode, Affine: true, form.Adds, form.Rectifies, values);

    [TestCaseSource(nameof(Cases))]
    public void ForwardAndBackward_GiveWhatTheChainGives(BatchNormAddReLUCase c) => Check(c, seed: 1);

    [FsCheck.NUnit.Property(MaxTest = 250)]
    public Property ReLU_RandomCases_GivesWhatTheChainGives() =>
        Prop.ForAll(RandomCases(Gen.Constant((false, true))), c => Check(c, seed: 2));

    [FsCheck.NUnit.Property(MaxTest = 250)]
    public Property Add_RandomCases_GivesWhatTheChainGives() =>
        Prop.ForAll(
            RandomCases(Gen.Elements((true, true), (true, true), (true, false))), c => Check(c, seed: 3));

    [Test]
    public void ConstantInput_GivesExactlyTheRectifiedSumOfBetaAndAddend(
        [Values(1e4, -3.0, 1e30, 0.0)] double constant, [Values(1, 7, 40)] int spatial)
    {
        Shape shape = [3, 4, spatial];
        var layer = OnDevice(new BatchNorm(4));
        double[] beta = Rounded([0.3, -0.3, 0, 5]);
        Write(beta, layer.Beta!.Value);
        var tail = Own(new BatchNormTail(layer));
        var x = Rounded(Array.ConvertAll(new double[shape.ElementCount], _ => constant));
        var addend = Rounded(RandomVector.Normal(1, x.Length));

        var y = Read(tail.Forward(TensorOf(x, shape), TensorOf(addend, shape), rectifies: true));

        var betas = x.Select((_, i) => beta[i / spatial % 4]).ToArray();
        ErrorBound.AssertExact("output", y, Rounded(ReferenceBatchNormAddReLU.Forward(betas, addend, rectifies: true)));
    }

    [Test]
    public void BackwardParameters_GivesTheGradientsOfBackward([Values] Statistics mode, [Values] bool adds)
    {
        Shape shape = [3, 5, 4, 6];
        var layer = OnDevice(new BatchNorm(5));
        SetMode(layer, mode);
        var tail = Own(new BatchNormTail(layer));
        var x = TensorOf(Rounded(RandomVector.Normal(1, (int)shape.ElementCount)), shape);
        tail.Forward(x, adds ? TensorOf(Rounded(RandomVector.Normal(2, (int)shape.ElementCount)), shape) : null, true);
        var gradOutput = TensorOf(Rounded(RandomVector.Normal(3, (int)shape.ElementCount)), shape);
        tail.Backward(gradOutput, needsInputGradient: true, out var gradAddend);
        double[][] Gradients() => [Read(layer.Gamma!.Gradient), Read(layer.Beta!.Gradient), Read(gradAddend)];
        var expected = Gradients();
        tail.Backward(Poison(shape), needsInputGradient: true, out _);

        var gradInput = tail.Backward(gradOutput, needsInputGradient: false, out gradAddend);

        Assert.That(gradInput, Is.Null);
        foreach (var (actual, wanted) in Gradients().Zip(expected))
            ErrorBound.AssertExact("gradient", actual, wanted);
    }

    private static Arbitrary<BatchNormAddReLUCase> RandomCases(Gen<(bool Adds, bool Rectifies)> forms) => Arb.From(
        from batch in Gen.Choose(1, 20)
        from channels in Gen.Choose(1, 15)
        from rows in Gen.Choose(1, 5)
        from columns in Gen.Elements(1, 1, 2, 3, 7, 8, 16, 33, 70)
        from mode in Gen.Elements(Statistics.Batch, Statistics.Batch, Statistics.Frozen, Statistics.Evaluation)
        from affine in Gen.Elements(true, false)
        from values in Gen.Elements(
            Numbers.Normal, Numbers.Normal, Numbers.AtTheKink, Numbers.NaN, Numbers.FarMean, Numbers.Huge)
        from form in forms
        where mode != Statistics.Batch || batch * rows * columns > 1
        select new BatchNormAddReLUCase(
            rows * columns == 1 ? [batch, channels] : [batch, channels, rows, columns], mode, affine, form.Adds,
            form.Rectifies, values));

    private void Check(BatchNormAddReLUCase c, int seed)
    {
        try
        {
            var (fused, alone) = (OnDevice(new BatchNorm(c.Channels, affine: c.Affine)),
                OnDevice(new BatchNorm(c.Channels, affine: c.Affine)));
            var tail = Own(new BatchNormTail(fused));
            foreach (var layer in new[] { fused, alone })
                SetMode(layer, c.Mode);
            Tensor poison = Poison(c.Shape);
            tail.Forward(poison, c.Adds ? poison : null, c.Rectifies);
            tail.Backward(poison, needsInputGradient: true, out _);
            foreach (var layer in new[] { fused, alone })
                SetUp(layer, c.Values);
            var (x, addend, gradOutput) = Inputs(c, seed);
            var input = TensorOf(x, c.Shape);

            var normalized = Read(alone.Forward(input));
            var output = Read(tail.Forward(input, addend is null ? null : TensorOf(addend, c.Shape), c.Rectifies));

            var expected = Rounded(ReferenceBatchNormAddReLU.Forward(normalized, addend, c.Rectifies));
            ErrorBound.AssertExact("output", output, expected);
            foreach (var (name, of) in Statistic)
                ErrorBound.AssertExact(name, Read(of(fused)!), Read(of(alone)!));

            var gradient = TensorOf(gradOutput, c.Shape);
            var gradInput = Read(tail.Backward(gradient, needsInputGradient: true, out var gradAddend)!);
            var passed = ReferenceBatchNormAddReLU.Backward(gradOutput, expected, c.Rectifies);
            if (c.Adds)
                ErrorBound.AssertExact("addend gradient", Read(gradAddend), passed);
            ErrorBound.AssertExact("input gradient", gradInput, Read(alone.Backward(TensorOf(passed, c.Shape))));
            foreach (var (actual, wanted) in fused.Parameters.Zip(alone.Parameters))
                ErrorBound.AssertExact(actual.Name, Read(actual.Gradient), Read(wanted.Gradient));
            if (c is { Mode: Statistics.Batch, Values: Numbers.Normal or Numbers.FarMean or Numbers.Huge })
                CheckAgainstReference(c, fused, x, normalized, passed, gradInput);
        }
        finally
        {
            DisposeOwned();
        }
    }

    private void CheckAgainstReference(
        BatchNormAddReLUCase c, BatchNorm layer, double[] x, double[] normalized, double[] passed, double[] gradInput)
    {
        var exact = new BatchNormCase(
            x, ReadOrNull(layer.Gamma), ReadOrNull(layer.Beta), c.Shape, Epsilon, UnitRoundoff);
        var (gradients, bounds) = (exact.Backward(passed), exact.BackwardBounds(passed));
        ErrorBound.AssertWithin("normalized", normalized, exact.Output, exact.OutputBound);
        ErrorBound.AssertWithin("input gradient", gradInput, gradients.GradInput, bounds.GradInput);
        if (layer is not { Gamma: { } gamma, Beta: { } beta })
            return;
        ErrorBound.AssertWithin("gamma gradient", Read(gamma.Gradient), gradients.GradGamma, bounds.GradGamma);
        ErrorBound.AssertWithin("beta gradient", Read(beta.Gradient), gradients.GradBeta, bounds.GradBeta);
    }

    private static (string Name, Func<BatchNorm, Tensor?> Of)[] Statistic { get; } =
        [("running mean", layer => layer.RunningMean), ("running variance", layer => layer.RunningVariance)];

    private (double[] X, double[]? Addend, double[] GradOutput) Inputs(BatchNormAddReLUCase c, int seed)
    {
        var length = (int)c.Shape.ElementCount;
        var gradOutput = Rounded(RandomVector.Normal(3 * seed, length));
        var x = Rounded(RandomVector.Normal(3 * seed + 1, length));
        var addend = Rounded(RandomVector.Normal(3 * seed + 2, length));
        for (var i = 0; i < length; i++)
        {
            if (c.Values == Numbers.AtTheKink)
                (x[i], addend[i]) = (3, i * 7 % 3 - 1);
            if (c.Values == Numbers.FarMean)
                x[i] = i < c.Spatial ? 0 : 1e6 + x[i];
            if (c.Values == Numbers.Huge)
                (x[i], addend[i]) = (1e30 * x[i], 1e30 * addend[i]);
            if (c.Values == Numbers.NaN)
                (x[i], addend[i], gradOutput[i]) = (
                    i == length / 3 ? double.NaN : x[i], i % 11 == 5 ? double.NaN : addend[i],
                    i % 13 == 7 ? double.NaN : gradOutput[i]);
        }

        return (Rounded(x), c.Adds ? Rounded(addend) : null, gradOutput);
    }

    private static void SetMode(BatchNorm layer, Statistics mode)
    {
        layer.IsTraining = mode != Statistics.Evaluation;
        layer.FreezeStatistics = mode == Statistics.Frozen;
    }

    private void SetUp(BatchNorm layer, Numbers values)
    {
        var channels = layer.Channels;
        var atTheKink = values == Numbers.AtTheKink;
        if (layer is { Gamma: { } gamma, Beta: { } beta })
        {
            Write(atTheKink ? new double[channels].Ones() : Rounded(RandomVector.Normal(21, channels)), gamma.Value);
            Write(atTheKink ? new double[channels] : Rounded(RandomVector.Normal(22, channels)), beta.Value);
        }

        Write(
            Rounded(Array.ConvertAll(RandomVector.Normal(23, channels), v => atTheKink ? 3 : v)), layer.RunningMean!);
        Write(
            Rounded(Array.ConvertAll(RandomVector.Normal(24, channels), v => 0.1 + v * v)), layer.RunningVariance!);
    }

    private static double[]? ReadOrNull(Parameter? parameter) => parameter is null ? null : Read(parameter.Value);
}
