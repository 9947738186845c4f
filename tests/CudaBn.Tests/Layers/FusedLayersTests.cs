using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

/// <summary>Batch normalization, ReLU and 2 x 2 max-pooling as one, against the same three layers one by one and against
/// the reference of ReLU and max-pooling applied to what batch normalization alone gives.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class FusedLayersTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private const double Epsilon = 1e-5;

    /// <summary>What the input holds.</summary>
    public enum Values
    {
        /// <summary>Standard normal numbers.</summary>
        Normal,

        /// <summary>Small integers, so that most windows have several maxima.</summary>
        Ties,

        /// <summary>Normal numbers with NaN at places of every kind in the first plane.</summary>
        NaNInOnePlane,

        /// <summary>A mean of a million deviations, and a first value that is as far from all others.</summary>
        FarMean,

        /// <summary>Normal numbers times 1e30.</summary>
        Huge,
    }

    /// <summary>What gamma and beta are.</summary>
    public enum Affine
    {
        /// <summary>Normal numbers.</summary>
        Mixed,

        /// <summary>There are none.</summary>
        None,

        /// <summary>Gammas below 0.</summary>
        NegativeGamma,

        /// <summary>Gammas of 0, so that every window is a tie, at a beta that is positive in every other channel.
        /// </summary>
        ZeroGamma,

        /// <summary>Betas so low that ReLU leaves nothing.</summary>
        AllRectified,
    }

    private static (int Height, int Width)[] EvenPlanes { get; } =
    [
        (2, 2), (2, 8), (4, 4), (6, 10), (10, 10), (12, 8), (16, 16), (24, 24), (6, 30), (6, 34), (4, 64), (2, 100),
    ];

    /// <summary>Planes that the layers take one by one.</summary>
    private static (int Height, int Width)[] OddPlanes { get; } = [(5, 6), (6, 5), (7, 7)];

    private static IEnumerable<Shape> Shapes() =>
    [
        .. from plane in EvenPlanes.Concat(OddPlanes)
           from images in ((int Batch, int Channels)[])[(1, 1), (2, 3), (1, 20), (33, 1), (33, 3)]
           select new Shape(images.Batch, images.Channels, plane.Height, plane.Width),
        new(2, 20, 10, 10), new(33, 20, 4, 4), new(33, 20, 10, 10),
    ];

    /// <summary>A few images of every plane.</summary>
    private static IEnumerable<Shape> SmallShapes() =>
        EvenPlanes.Concat(OddPlanes).Select(plane => new Shape(2, 3, plane.Height, plane.Width));

    private static IEnumerable<TestCaseData> SpecialCases() =>
        from shape in SmallShapes()
        from values in Enum.GetValues<Values>()
        from affine in Enum.GetValues<Affine>()
        where values != Values.Normal || affine != Affine.Mixed
        select new TestCaseData(shape, values, affine);

    [TestCaseSource(nameof(Shapes))]
    public void Training_NormalNumbers_GivesWhatTheLayersGive(Shape shape) =>
        CheckTraining(shape, Values.Normal, Affine.Mixed);

    [TestCaseSource(nameof(SpecialCases))]
    public void Training_SpecialNumbers_GivesWhatTheLayersGive(Shape shape, Values values, Affine affine) =>
        CheckTraining(shape, values, affine);

    [TestCaseSource(nameof(Shapes))]
    public void Evaluation_NormalNumbers_GivesWhatTheLayersGive(Shape shape) =>
        CheckFrozen(shape, Values.Normal, Affine.Mixed, Frozen.Evaluation);

    [TestCaseSource(nameof(SpecialCases))]
    public void Evaluation_SpecialNumbers_GivesWhatTheLayersGive(Shape shape, Values values, Affine affine) =>
        CheckFrozen(shape, values, affine, Frozen.Evaluation);

    // Three quarters in training, whose gradients the reference judges.
    [FsCheck.NUnit.Property(MaxTest = 350)]
    public Property RandomCases_GiveWhatTheLayersGive() => Prop.ForAll(
        Arb.From(
            from batch in Gen.Choose(1, 9)
            from channels in Gen.Choose(1, 9)
            from height in Gen.Choose(1, 10)
            from width in Gen.Choose(1, 20)
            from isOdd in Gen.Elements(false, false, false, true)
            from values in Gen.Elements(Enum.GetValues<Values>())
            from affine in Gen.Elements(Enum.GetValues<Affine>())
            from mode in Gen.Elements<Frozen?>(null, null, null, null, null, null, Frozen.Evaluation, Frozen.InTraining)
            select (Shape: new Shape(batch, channels, 2 * height + (isOdd ? 1 : 0), 2 * width), values, affine, mode)),
        c =>
        {
            try
            {
                if (c.mode is { } frozen)
                    CheckFrozen(c.Shape, c.values, c.affine, frozen);
                else
                    CheckTraining(c.Shape, c.values, c.affine);
            }
            finally
            {
                DisposeOwned();
            }
        });

    [TestCaseSource(nameof(SmallShapes))]
    public void FreezeStatistics_GivesWhatTheLayersGive(Shape shape) =>
        CheckFrozen(shape, Values.Normal, Affine.Mixed, Frozen.InTraining);

    [Test]
    public void Training_OtherMomentumAndVariance_GivesWhatTheLayersGive(
        [Values(0.0, 1.0, null)] double? momentum, [Values] bool unbiased)
    {
        Shape shape = [2, 3, 6, 10];
        var (fused, unfused) = Pair(() => new BatchNorm(
            3, momentum: momentum, unbiasedRunningVariance: unbiased, epsilon: 0.5));
        for (var step = 0; step < 3; step++)
        {
            var x = TensorOf(Rounded(RandomVector.Normal(step, (int)shape.ElementCount)), shape);

            ErrorBound.AssertExact("output", Read(fused.Forward(x)), Read(unfused.Forward(x)));
        }

        AssertSameStatistics(fused, unfused);
    }

    [Test]
    public void LayersInBetween_RunOnlyWhereTheOperatorDoesNotFitOrFusionIsOff([Values] bool training)
    {
        Shape even = [2, 3, 4, 6], odd = [2, 3, 5, 6];
        Assert.Multiple(() =>
        {
            Assert.That(Ran(even, fuses: true), Is.EqualTo((false, false)));
            Assert.That(Ran(odd, fuses: true), Is.EqualTo((false, true)));
            Assert.That(Ran(even, fuses: false), Is.EqualTo((true, true)));
        });

        (bool ReLU, bool Pool) Ran(Shape shape, bool fuses)
        {
            var network = OnDevice(Create(new BatchNorm(3), fuses));
            network.IsTraining = training;
            var output = network.Forward(TensorOf(RandomVector.Normal(1, (int)shape.ElementCount), shape));
            return (LayerRan(network.Layers[1], shape), LayerRan(network.Layers[2], output.Shape));
        }

        bool LayerRan(Layer layer, Shape output)
        {
            try
            {
                layer.Backward(TensorOf(new double[output.ElementCount], output));
                return true;
            }
            catch (InvalidOperationException)
            {
                return false;
            }
        }
    }

    private static IEnumerable<TestCaseData> NormalizationsOfRows() =>
        from shape in (Shape[])[[9, 4], [2, 3, 5, 4], [130, 4]]
        from statistics in new[] { true, false }
        from training in new[] { true, false }
        select new TestCaseData(shape, statistics, training);

    [TestCaseSource(nameof(NormalizationsOfRows))]
    public void ChannelsThatComeLast_GiveWhatTheLayersGive(Shape shape, bool tracksStatistics, bool training)
    {
        var x = TensorOf(RandomVector.Normal(1, (int)shape.ElementCount), shape);
        var gradOutput = TensorOf(RandomVector.Normal(2, (int)shape.ElementCount), shape);
        var results = new List<double[][]>();
        foreach (var fuses in new[] { true, false })
        {
            var model = OnDevice(new Sequential(
                new BatchNorm(4, channelsLast: true, trackRunningStatistics: tracksStatistics), new ReLU())
            {
                FusesLayers = fuses,
                IsTraining = training,
            });
            var batchNorm = (BatchNorm)model.Layers[0];
            Write([1.5, -0.5, 2, 0.25], batchNorm.Gamma!.Value);
            Write([0.5, 1, -0.25, 2], batchNorm.Beta!.Value);
            var y = Read(model.Forward(x));
            results.Add([
                y, Read(model.Backward(gradOutput)), Read(batchNorm.Gamma.Gradient), Read(batchNorm.Beta.Gradient),
            ]);
            Assert.That(
                () => model.Layers[1].Backward(gradOutput),
                fuses ? Throws.InvalidOperationException : Throws.Nothing, "whether the rectifier ran by itself");
        }

        string[] names = ["output", "input gradient", "gamma gradient", "beta gradient"];
        for (var i = 0; i < names.Length; i++)
            ErrorBound.AssertExact(names[i], results[0][i], results[1][i]);
    }

    private static IEnumerable<TestCaseData> OtherNormalizations() =>
    [
        Case("channels last", () => new BatchNorm(4, channelsLast: true), training: true),
        Case("without statistics", () => new BatchNorm(4, trackRunningStatistics: false), training: true),
        Case("without statistics", () => new BatchNorm(4, trackRunningStatistics: false), training: false),
        Case("virtual batches", () => new BatchNorm(4, virtualBatchSize: 2), training: false),
        Case("fixed gamma", () => new BatchNorm(4, fixGamma: true), training: true),
        Case(
            "virtual batches without statistics",
            () => new BatchNorm(4, trackRunningStatistics: false, virtualBatchSize: 2), training: true),
        Case("virtual batches with fixed gamma", () => new BatchNorm(4, fixGamma: true, virtualBatchSize: 2), training: true),
        Case("virtual batches without parameters", () => new BatchNorm(4, affine: false, virtualBatchSize: 2), training: true),
        .. from size in new[] { 1, 2, 3, 5, 9 }
           select Case($"virtual batches of {size}", () => new BatchNorm(4, virtualBatchSize: size), training: true),
    ];

    [TestCaseSource(nameof(OtherNormalizations))]
    public void OptionsOfBatchNorm_GiveWhatTheLayersGive(Func<BatchNorm> create, bool training)
    {
        // Both the second and the last axis are as long as the channels are many.
        Shape shape = [5, 4, 6, 4];
        var x = TensorOf(RandomVector.Normal(1, (int)shape.ElementCount), shape);
        var gradOutput = TensorOf(RandomVector.Normal(2, 5 * 4 * 3 * 2), [5, 4, 3, 2]);
        var (outputs, gradients) = (new List<double[][]>(), new List<double[][]>());
        foreach (var fuses in new[] { true, false })
        {
            var model = OnDevice(new Sequential(create(), new ReLU(), new MaxPool2d(2))
            {
                FusesLayers = fuses,
                IsTraining = training,
            });
            var batchNorm = BatchNormOf(model);
            // A longer batch first: what it leaves behind must not matter.
            model.Backward(Poison(model.Forward(Poison([7, 4, 6, 4])).Shape));
            foreach (var (_, tensor) in model.State.Where(state => state.Tensor.DType == DType))
                Device.Backend.Fill(tensor, 0.5);
            if (batchNorm is { Gamma: { } gamma, Beta: { } beta })
            {
                Write([1.5, -0.5, 2, 0.25], gamma.Value);
                Write([0.5, 1, -0.25, 2], beta.Value);
            }

            var y = Read(model.Forward(x));
            outputs.Add([
                y, batchNorm.BatchesTracked is { } tracked ? [tracked.ToArray<long>()[0]] : [],
                .. model.State.Where(state => state.Tensor.DType == DType).Select(state => Read(state.Tensor)),
            ]);
            var gradInput = Read(model.Backward(gradOutput));
            gradients.Add([gradInput, .. model.Parameters.Select(parameter => Read(parameter.Gradient))]);
            // In evaluation with running statistics, backward runs the layers.
            Assert.That(
                () => model.Layers[2].Backward(gradOutput),
                fuses && !batchNorm.ChannelsLast && (training || !batchNorm.TracksRunningStatistics)
                    ? Throws.InvalidOperationException
                    : Throws.Nothing,
                "whether pooling ran by itself");
        }

        foreach (var (actual, expected) in outputs[0].Zip(outputs[1]))
            ErrorBound.AssertExact("output or state", actual, expected);
        // Gradients are equal up to rounding: sums of 120 products.
        foreach (var (actual, expected) in gradients[0].Zip(gradients[1]))
            Assert.That(
                Comparison.RelativeError(actual, expected), Is.LessThan(8 * Math.Sqrt(120) * UnitRoundoff));
    }

    [Test]
    public void BackwardParameters_GivesTheGradientsOfBackward(
        [ValueSource(nameof(SmallShapes))] Shape shape, [Values] bool training)
    {
        var network = OnDevice(Create(new BatchNorm(3), fuses: true));
        network.IsTraining = training;
        var output = network.Forward(TensorOf(Rounded(RandomVector.Normal(1, (int)shape.ElementCount)), shape));
        var gradOutput = TensorOf(Rounded(RandomVector.Normal(2, (int)output.ElementCount)), output.Shape);
        network.Backward(gradOutput);
        var gradients = network.Parameters.Select(parameter => Read(parameter.Gradient)).ToArray();
        network.Backward(Poison(output.Shape));

        network.BackwardParameters(gradOutput);

        Assert.That(gradients, Has.Length.EqualTo(2));
        foreach (var (parameter, gradient) in network.Parameters.Zip(gradients))
            ErrorBound.AssertExact(parameter.Name, Read(parameter.Gradient), gradient);
    }

    [Test]
    public void AlternatingShapesAndModes_DoNotMix()
    {
        Shape[] shapes = [[2, 3, 4, 4], [5, 3, 6, 34], [2, 3, 5, 6]];
        var (fused, unfused) = Pair(() => new BatchNorm(3));
        for (var step = 0; step < 12; step++)
        {
            var shape = shapes[step % 3];
            fused.IsTraining = unfused.IsTraining = step % 4 != 3;
            var x = TensorOf(Rounded(RandomVector.Normal(step, (int)shape.ElementCount)), shape);
            var output = fused.Forward(x);
            ErrorBound.AssertExact($"output {step}", Read(output), Read(unfused.Forward(x)));

            // Integers leave the sums of beta exact.
            var gradOutput = TensorOf(RandomVector.Integers(step, (int)output.ElementCount, 9), output.Shape);
            fused.Backward(gradOutput);
            unfused.Backward(gradOutput);
            ErrorBound.AssertEqual(
                $"beta gradient {step}", Read(BatchNormOf(fused).Beta!.Gradient),
                Read(BatchNormOf(unfused).Beta!.Gradient));
        }

        AssertSameStatistics(fused, unfused);
    }

    [Test]
    public void FusesLayers_ChangedAfterForward_BackwardIsThatOfTheForward([Values] bool fuses)
    {
        Shape shape = [2, 3, 6, 10];
        var x = TensorOf(Rounded(RandomVector.Normal(1, (int)shape.ElementCount)), shape);
        var network = OnDevice(Create(new BatchNorm(3), fuses));
        var gradOutput = TensorOf(Rounded(RandomVector.Normal(2, 2 * 3 * 3 * 5)), [2, 3, 3, 5]);
        network.Forward(x);
        var gradInput = Read(network.Backward(gradOutput));
        network.FusesLayers = !fuses;

        ErrorBound.AssertExact("input gradient", Read(network.Backward(gradOutput)), gradInput);
    }

    [Test]
    public void Backward_ModeChangedSinceTheForward_IsThatOfTheForward([Values] bool training)
    {
        Shape shape = [2, 3, 6, 10];
        var (fused, unfused) = Pair(() => new BatchNorm(3));
        fused.IsTraining = unfused.IsTraining = training;
        var x = TensorOf(Rounded(RandomVector.Normal(1, (int)shape.ElementCount)), shape);
        // Integers leave the sums of beta exact.
        var gradOutput = TensorOf(RandomVector.Integers(2, 2 * 3 * 3 * 5, 9), [2, 3, 3, 5]);
        fused.Forward(x);
        unfused.Forward(x);
        fused.IsTraining = unfused.IsTraining = !training;

        var gradInput = Read(fused.Backward(gradOutput));
        var expected = Read(unfused.Backward(gradOutput));

        AssertSameStatistics(fused, unfused);
        ErrorBound.AssertEqual(
            "beta gradient", Read(BatchNormOf(fused).Beta!.Gradient), Read(BatchNormOf(unfused).Beta!.Gradient));
        var xs = Read(x);
        var c = new BatchNormCase(xs, [1, 1, 1], [0, 0, 0], shape, Epsilon, UnitRoundoff);
        ErrorBound.AssertWithin(
            "input gradient", gradInput, expected, c.BackwardBounds(Array.ConvertAll(xs, _ => 9.0)).GradInput);
    }

    [TestCase(1, 3, 2, 2, 2)]
    [TestCase(2, 4, 6, 6)]
    public void Forward_ShapeThatDoesNotFit_ThrowsAsTheLayersDo(params int[] sizes)
    {
        var (fused, unfused) = Pair(() => new BatchNorm(3));
        var x = Poison(new Shape(sizes));
        var expected = Assert.Throws<ArgumentException>(() => unfused.Forward(x))!.Message;

        Assert.That(() => fused.Forward(x), Throws.ArgumentException.With.Message.EqualTo(expected));
    }

    private enum Frozen
    {
        Evaluation,
        InTraining,
    }

    private static Sequential Create(BatchNorm batchNorm, bool fuses) =>
        new(batchNorm, new ReLU(), new MaxPool2d(2)) { FusesLayers = fuses };

    private static BatchNorm BatchNormOf(Sequential network) => (BatchNorm)network.Layers[0];

    private (Sequential Fused, Sequential Unfused) Pair(Func<BatchNorm> create) =>
        (OnDevice(Create(create(), fuses: true)), OnDevice(Create(create(), fuses: false)));

    private void CheckTraining(Shape shape, Values values, Affine affine)
    {
        var (fused, unfused) = Pair(() => new BatchNorm(shape[1], affine: affine != Affine.None));
        var alone = OnDevice(new BatchNorm(shape[1], affine: affine != Affine.None));
        var x = InputOf(shape, values);
        var input = TensorOf(x, shape);
        foreach (var layer in new Layer[] { fused, unfused })
            layer.Backward(Poison(layer.Forward(Poison(shape)).Shape));
        foreach (var layer in new[] { BatchNormOf(fused), BatchNormOf(unfused), alone })
            SetUp(layer, affine);

        var output = fused.Forward(input);
        var normalized = Read(alone.Forward(input));
        var reference = new ReferenceTail(normalized, shape);

        Assert.That(output.Shape, Is.EqualTo(reference.OutputShape));
        ErrorBound.AssertExact("output, of the reference", Read(output), reference.Output);
        ErrorBound.AssertExact("output, of the layers", Read(output), Read(unfused.Forward(input)));
        AssertSameStatistics(fused, unfused);

        var gradOutput = Rounded(RandomVector.Normal(3, reference.Output.Length));
        var gradInput = Read(fused.Backward(TensorOf(gradOutput, reference.OutputShape)));
        var unfusedGradInput = Read(unfused.Backward(TensorOf(gradOutput, reference.OutputShape)));
        var c = new BatchNormCase(x, ReadOrNull(alone.Gamma), ReadOrNull(alone.Beta), shape, Epsilon, UnitRoundoff);
        AssertWithin("output", normalized, c.Output, c.OutputBound);
        var gradNormalized = reference.Backward(gradOutput);
        var expected = c.Backward(gradNormalized);
        var bounds = c.BackwardBounds(gradNormalized);
        AssertWithin("input gradient, of the reference", gradInput, expected.GradInput, bounds.GradInput);
        AssertWithin("input gradient, of the layers", gradInput, unfusedGradInput, bounds.GradInput);
        if (BatchNormOf(fused) is { Gamma: { } gamma, Beta: { } beta })
        {
            var (gradGamma, gradBeta) = (Read(gamma.Gradient), Read(beta.Gradient));
            AssertWithin("gamma gradient, of the reference", gradGamma, expected.GradGamma, bounds.GradGamma);
            AssertWithin("beta gradient, of the reference", gradBeta, expected.GradBeta, bounds.GradBeta);
            AssertWithin(
                "gamma gradient, of the layers", gradGamma, Read(BatchNormOf(unfused).Gamma!.Gradient),
                bounds.GradGamma);
            AssertWithin(
                "beta gradient, of the layers", gradBeta, Read(BatchNormOf(unfused).Beta!.Gradient), bounds.GradBeta);
        }
    }

    /// <summary>With the running statistics everything is to be the same to the last bit.</summary>
    private void CheckFrozen(Shape shape, Values values, Affine affine, Frozen frozen)
    {
        BatchNorm CreateBatchNorm() => new(shape[1], affine: affine != Affine.None)
        {
            FreezeStatistics = frozen == Frozen.InTraining,
        };

        var (fused, unfused) = Pair(CreateBatchNorm);
        var alone = OnDevice(CreateBatchNorm());
        fused.IsTraining = unfused.IsTraining = alone.IsTraining = frozen == Frozen.InTraining;
        var input = TensorOf(InputOf(shape, values), shape);
        foreach (var layer in new Layer[] { fused, unfused })
            layer.Backward(Poison(layer.Forward(Poison(shape)).Shape));
        foreach (var layer in new[] { BatchNormOf(fused), BatchNormOf(unfused), alone })
            SetUp(layer, affine);

        var output = fused.Forward(input);
        var reference = new ReferenceTail(Read(alone.Forward(input)), shape);

        Assert.That(output.Shape, Is.EqualTo(reference.OutputShape));
        ErrorBound.AssertExact("output, of the reference", Read(output), reference.Output);
        ErrorBound.AssertExact("output, of the layers", Read(output), Read(unfused.Forward(input)));

        var gradOutput = TensorOf(
            Rounded(RandomVector.Normal(3, reference.Output.Length)), reference.OutputShape);
        ErrorBound.AssertExact(
            "input gradient", Read(fused.Backward(gradOutput)), Read(unfused.Backward(gradOutput)));
        foreach (var (actual, expected) in fused.Parameters.Zip(unfused.Parameters))
            ErrorBound.AssertExact(actual.Name, Read(actual.Gradient), Read(expected.Gradient));
        AssertSameStatistics(fused, unfused);
    }

    private static void AssertSameStatistics(Sequential fused, Sequential unfused)
    {
        var (actual, expected) = (BatchNormOf(fused), BatchNormOf(unfused));
        ErrorBound.AssertExact("running mean", Read(actual.RunningMean!), Read(expected.RunningMean!));
        ErrorBound.AssertExact("running variance", Read(actual.RunningVariance!), Read(expected.RunningVariance!));
        Assert.That(
            actual.BatchesTracked!.ToArray<long>(), Is.EqualTo(expected.BatchesTracked!.ToArray<long>()));
    }

    /// <summary>Within the bound, or NaN in both.</summary>
    private static void AssertWithin(string name, double[] actual, double[] expected, double[] bound)
    {
        var isNaN = Array.ConvertAll(expected, double.IsNaN);
        Assert.That(
            Array.ConvertAll(actual, double.IsNaN).AsSpan().SequenceEqual(isNaN), Is.True, $"{name}: the places of NaN");
        ErrorBound.AssertWithin(name, Numbers(actual), Numbers(expected), Numbers(bound));

        double[] Numbers(double[] values) => [.. values.Where((_, i) => !isNaN[i])];
    }

    private static double[]? ReadOrNull(Parameter? parameter) => parameter is null ? null : Read(parameter.Value);

    private double[] InputOf(Shape shape, Values values)
    {
        var length = (int)shape.ElementCount;
        if (values == Values.Ties)
            return RandomVector.Integers(1, length, 2);
        var x = Rounded(RandomVector.Normal(1, length));
        if (values == Values.FarMean)
            x = Rounded(Array.ConvertAll(x, v => 1e6 + v));
        if (values == Values.FarMean)
            x[0] = 0;
        if (values == Values.Huge)
            x = Rounded(Array.ConvertAll(x, v => 1e30 * v));
        // Every third: at each place of some window, and several in some.
        for (var i = 1; values == Values.NaNInOnePlane && i < shape[2] * shape[3]; i += 3)
            x[i] = double.NaN;
        return x;
    }

    private void SetUp(BatchNorm layer, Affine affine)
    {
        var channels = layer.Channels;
        if (layer is { Gamma: { } gamma, Beta: { } beta })
        {
            var gammas = Rounded(RandomVector.Normal(21, channels));
            var betas = Rounded(RandomVector.Normal(22, channels));
            for (var k = 0; k < channels; k++)
            {
                if (affine == Affine.NegativeGamma)
                    gammas[k] = -Math.Abs(gammas[k]);
                if (affine == Affine.ZeroGamma)
                    (gammas[k], betas[k]) = (0, k % 2 - 0.5);
                if (affine == Affine.AllRectified)
                    betas[k] = -1000;
            }

            Write(gammas, gamma.Value);
            Write(betas, beta.Value);
        }

        Write(Rounded(RandomVector.Normal(23, channels)), layer.RunningMean!);
        Write(
            Rounded(Array.ConvertAll(RandomVector.Normal(24, channels), v => 0.1 + v * v)), layer.RunningVariance!);
        layer.BatchesTracked!.CopyFrom<long>([3]);
    }

    private static TestCaseData Case(string name, Func<BatchNorm> create, bool training) =>
        new TestCaseData(create, training).SetArgDisplayNames(name, training ? "training" : "evaluation");

    /// <summary>ReLU and 2 x 2 max-pooling of what batch normalization gives.</summary>
    private sealed class ReferenceTail
    {
        private readonly Shape _shape;
        private readonly double[] _rectified;
        private readonly int[] _indices;

        public ReferenceTail(double[] normalized, Shape shape)
        {
            _shape = shape;
            _rectified = ReferenceReLU.Forward(normalized);
            (Output, _indices) = ReferenceMaxPool2d.Forward(
                _rectified, shape[0], shape[1], shape[2], shape[3], 2, 2, 2, 2, 0, 0);
        }

        public double[] Output { get; }

        public Shape OutputShape => [_shape[0], _shape[1], _shape[2] / 2, _shape[3] / 2];

        public double[] Backward(double[] gradOutput) => ReferenceReLU.Backward(
            ReferenceMaxPool2d.Backward(
                gradOutput, _indices, _shape[0], _shape[1], _shape[2], _shape[3], _shape[2] / 2, _shape[3] / 2),
            _rectified);
    }
}
