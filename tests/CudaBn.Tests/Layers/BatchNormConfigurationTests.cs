using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

/// <summary>Batch normalization in all its options at once, by itself and with an addition, a rectifier or both behind, against
/// the reference: outputs, gradients and running statistics of two steps.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class BatchNormConfigurationTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private static readonly int[] Sizes = [1, 2, 3, 5, 8, 13];

    private static IEnumerable<BatchNormConfiguration> Chosen()
    {
        var plain = new BatchNormConfiguration(
            6, 5, [], true, BatchNormMode.Training, true, false, 0.1, true, null, 1e-5, 0, 1);
        // Around the width of a chunk of columns and of rows, a register, and rows taken several at a time.
        (int Batch, int Channels)[] matrices =
        [
            (2, 2), (3, 255), (2, 256), (2, 257), (5, 511), (4, 512), (3, 513), (2, 1030), (127, 256), (128, 256),
            (129, 300), (300, 260), (640, 3), (33000, 2), (700, 64), (257, 17),
        ];
        foreach (var (batch, channels) in matrices)
        {
            yield return plain with { Batch = batch, Channels = channels };
            yield return plain with { Batch = batch, Channels = channels, Mode = BatchNormMode.Frozen, ChannelsLast = false };
        }

        foreach (var mode in Enum.GetValues<BatchNormMode>())
        {
            foreach (var last in new[] { false, true })
            {
                foreach (var spatial in new int[][] { [], [7], [4, 5], [2, 3, 4] })
                    yield return plain with { Spatial = spatial, Mode = mode, ChannelsLast = last };
                yield return plain with { Channels = 1, Spatial = [3, 3], Mode = mode, ChannelsLast = last };
                yield return plain with { Mode = mode, ChannelsLast = last, Spatial = [3], VirtualBatchSize = 4 };
                yield return plain with { Mode = mode, ChannelsLast = last, Spatial = [40], VirtualBatchSize = 1 };
                yield return plain with { Mode = mode, ChannelsLast = last, VirtualBatchSize = 9, FixGamma = true };
            }
        }

        foreach (var last in new[] { false, true })
        {
            foreach (var mean in new[] { 1e4, -1e6 })
                yield return plain with { Batch = 8, Spatial = [9, 9], ChannelsLast = last, Mean = mean };
            yield return plain with { Batch = 64, Channels = 33, VirtualBatchSize = 16, ChannelsLast = last, Momentum = null };
        }

        foreach (var channels in new[] { 1, 3, 300 })
        {
            yield return plain with { Batch = 1, Channels = channels, Mode = BatchNormMode.Evaluation };
            yield return plain with { Batch = 1, Channels = channels, Mode = BatchNormMode.Frozen };
            yield return plain with { Batch = 1, Channels = channels, Spatial = [6], Mode = BatchNormMode.EvaluationWithoutStatistics };
        }
    }

    [TestCaseSource(nameof(Chosen))]
    public void Chosen_AreWithinRounding(BatchNormConfiguration configuration) => Check(configuration);

    [TestCaseSource(nameof(Chosen))]
    public void Chosen_WithWhatStandsBehind_AreWithinRounding(BatchNormConfiguration configuration)
    {
        foreach (var tail in Tails)
            Check(configuration with { Tail = tail });
    }

    [FsCheck.NUnit.Property(MaxTest = 260)]
    public Property Random_AreWithinRounding() => Prop.ForAll(Arb.From(Configurations), Check);

    [FsCheck.NUnit.Property(MaxTest = 520)]
    public Property Random_WithWhatStandsBehind_AreWithinRounding() => Prop.ForAll(
        Arb.From(
            from configuration in Configurations
            from tail in Gen.Elements(Tails)
            select configuration with { Tail = tail }),
        Check);

    private static BatchNormTailKind[] Tails { get; } =
        [BatchNormTailKind.ReLU, BatchNormTailKind.Addition, BatchNormTailKind.AdditionAndReLU];

    private static Gen<BatchNormConfiguration> Configurations =>
        from batch in Gen.Choose(1, 24)
        from channels in Gen.Frequency((4, Gen.Choose(1, 20)), (1, Gen.Choose(21, 90)), (1, Gen.Choose(250, 530)))
        from rank in Gen.Choose(0, 3)
        from spatial in Gen.ArrayOf(Gen.Elements(channels > 90 ? Sizes[..2] : rank == 3 ? Sizes[..3] : Sizes), rank)
        from channelsLast in Gen.Elements(false, true)
        from mode in Gen.Elements(Enum.GetValues<BatchNormMode>().Append(BatchNormMode.Training).ToArray())
        from affine in Gen.Elements(true, true, true, false)
        from fixGamma in Gen.Elements(false, false, false, true)
        from momentum in Gen.Elements<double?>(null, 0, 0.1, 0.5, 1)
        from unbiased in Gen.Elements(false, true)
        from virtualBatchSize in Gen.Elements<int?>(null, null, 1, 2, 3, 7, 30)
        from epsilon in Gen.Elements(1e-5, 1e-3, 0.5)
        from mean in Gen.Elements(0.0, 1, -30, 1e4)
        from seed in Gen.Choose(1, 1_000_000)
        let configuration = new BatchNormConfiguration(
            batch, channels, spatial, channelsLast, mode, affine, fixGamma && affine, momentum, unbiased, virtualBatchSize,
            epsilon, mean, seed)
        where configuration.UsesRunningStatistics || configuration.LeastValues > 1
        select configuration;

    private void Check(BatchNormConfiguration configuration)
    {
        try
        {
            var layer = configuration.CreateLayer();
            var model = OnDevice(configuration.WithTail(layer));
            if (configuration.Mode is BatchNormMode.Training or BatchNormMode.TrainingWithoutStatistics)
                PoisonBuffers(configuration, model, layer);
            var gamma = configuration.Affine ? Numbers(21, configuration.Channels) : null;
            var beta = configuration.Affine ? Numbers(22, configuration.Channels) : null;
            if (layer is { Gamma: { } gammaParameter, Beta: { } betaParameter })
            {
                Write(gamma!, gammaParameter.Value);
                Write(beta!, betaParameter.Value);
            }

            var running = configuration.TracksStatistics ? Given(configuration, layer) : null;
            // Fixed at 1, whatever stands there.
            var effectiveGamma = configuration.FixGamma ? null : gamma;
            for (var step = 0; step < 2; step++)
                Step(configuration, model, layer, effectiveGamma, beta, running, step);
        }
        finally
        {
            DisposeOwned();
        }

        double[] Numbers(int seed, int length) => Rounded(RandomVector.Normal(configuration.Seed + seed, length));
    }

    // In a layer of its own statistics, which the test then writes anew.
    private void PoisonBuffers(BatchNormConfiguration configuration, Layer model, BatchNorm layer)
    {
        model.Forward(Poison(configuration.Shape));
        model.Backward(Poison(configuration.Shape));
        if (layer is { FixesGamma: true, Gamma: { } gamma })
            ErrorBound.AssertEqual("gradient of a fixed gamma", Read(gamma.Gradient), new double[configuration.Channels]);
        if (layer.BatchesTracked is { } batches)
            Device.Backend.Clear(batches);
    }

    private Running Given(BatchNormConfiguration configuration, BatchNorm layer)
    {
        var mean = Rounded(RandomVector.Normal(configuration.Seed + 23, configuration.Channels));
        var variance = Rounded(Array.ConvertAll(
            RandomVector.Normal(configuration.Seed + 24, configuration.Channels), v => 0.1 + v * v));
        Write(mean, layer.RunningMean!);
        Write(variance, layer.RunningVariance!);
        return new Running(mean, variance, UnitRoundoff);
    }

    private void Step(
        BatchNormConfiguration configuration, Layer model, BatchNorm layer, double[]? gamma, double[]? beta,
        Running? running, int step)
    {
        var shape = configuration.Shape;
        var x = Rounded(Array.ConvertAll(
            RandomVector.Normal(configuration.Seed + 2 * step, (int)shape.ElementCount), v => configuration.Mean + v));
        var gradOutput = Rounded(RandomVector.Normal(configuration.Seed + 2 * step + 1, x.Length));

        var y = Read(model.Forward(TensorOf(x, shape)));
        var gradInput = Read(model.Backward(TensorOf(gradOutput, shape)));

        // The bound of the output says whether what the rectifier let through may be another part than exactly; what it did let
        // through is what gradients follow from.
        var passed = configuration.Rectifies ? ReferenceReLU.Backward(gradOutput, y) : gradOutput;
        var expected = configuration.UsesRunningStatistics
            ? Expected.Frozen(configuration, x, passed, gamma, beta, running!, UnitRoundoff)
            : Expected.ByBatch(configuration, x, passed, gamma, beta, running, UnitRoundoff);
        if (configuration.Adds)
            expected.Add(x, passed, UnitRoundoff);
        if (configuration.Rectifies)
            expected = expected with { Output = ReferenceReLU.Forward(expected.Output) };

        ErrorBound.AssertWithin("output", y, expected.Output, expected.OutputBound);
        ErrorBound.AssertWithin("input gradient", gradInput, expected.GradInput, expected.GradInputBound);
        Assert.That(layer.Gamma is null, Is.EqualTo(!configuration.Affine));
        if (layer is { Gamma: { } gammaParameter, Beta: { } betaParameter })
        {
            if (configuration.FixGamma)
                ErrorBound.AssertEqual("gamma gradient", Read(gammaParameter.Gradient), new double[configuration.Channels]);
            else
                ErrorBound.AssertWithin(
                    "gamma gradient", Read(gammaParameter.Gradient), expected.GradGamma, expected.GradGammaBound);
            ErrorBound.AssertWithin("beta gradient", Read(betaParameter.Gradient), expected.GradBeta, expected.GradBetaBound);
        }

        Assert.That(layer.RunningMean is null, Is.EqualTo(running is null));
        if (running is null)
            return;
        ErrorBound.AssertWithin("running mean", Read(layer.RunningMean!), running.Mean, running.MeanBound);
        ErrorBound.AssertWithin("running variance", Read(layer.RunningVariance!), running.Variance, running.VarianceBound);
        Assert.That(layer.BatchesTracked!.ToArray<long>(), Is.EqualTo(new[] { running.Batches }));
    }

    /// <summary>Running statistics as they should be, and how far off rounding may have taken them.</summary>
    private sealed class Running(double[] mean, double[] variance, double unitRoundoff)
    {
        public double[] Mean { get; } = mean;

        public double[] Variance { get; } = variance;

        public double[] MeanBound { get; } = new double[mean.Length];

        public double[] VarianceBound { get; } = new double[mean.Length];

        public long Batches { get; private set; }

        public void Add(BatchNormCase c, BatchNormConfiguration configuration)
        {
            Batches++;
            var weight = configuration.Momentum ?? 1.0 / Batches;
            var (old, oldVariance) = (Mean.Absolute(), Variance.Absolute());
            ReferenceBatchNorm.UpdateRunning(
                Mean, Variance, c.Mean, c.Variance, c.ValuesPerChannel, configuration.Momentum, Batches,
                configuration.Unbiased);
            var factor = configuration.Unbiased ? c.ValuesPerChannel / (c.ValuesPerChannel - 1.0) : 1;
            for (var k = 0; k < Mean.Length; k++)
            {
                // Each update adds its own roundings to the part of the old error that it keeps.
                MeanBound[k] = (1 - weight) * (MeanBound[k] + 8 * unitRoundoff * old[k]) + weight * c.MeanBound[k]
                    + 8 * unitRoundoff * Math.Abs(Mean[k]);
                VarianceBound[k] = (1 - weight) * (VarianceBound[k] + 8 * unitRoundoff * oldVariance[k])
                    + weight * factor * c.VarianceBound[k] + 8 * unitRoundoff * Variance[k];
            }
        }
    }

    /// <summary>Exact results of a step and their bounds.</summary>
    private sealed record Expected(
        double[] Output, double[] OutputBound, double[] GradInput, double[] GradInputBound, double[] GradGamma,
        double[] GradGammaBound, double[] GradBeta, double[] GradBetaBound)
    {
        public static Expected ByBatch(
            BatchNormConfiguration configuration, double[] x, double[] gradOutput, double[]? gamma, double[]? beta,
            Running? running, double unitRoundoff)
        {
            var (_, c, s) = configuration.View;
            var of = Empty(x.Length, c);
            foreach (var (first, count) in ReferenceVirtualBatchNorm.Parts(configuration.Batch, configuration.GroupSize))
            {
                var rows = configuration.RowsPerImage;
                var range = (first * rows * c * s)..((first + count) * rows * c * s);
                var part = new BatchNormCase(
                    x[range], gamma, beta, [count * rows, c, s], configuration.Epsilon, unitRoundoff);
                running?.Add(part, configuration);
                var (gradInput, gradGamma, gradBeta) = part.Backward(gradOutput[range]);
                var bounds = part.BackwardBounds(gradOutput[range]);
                part.Output.CopyTo(of.Output, range.Start.Value);
                part.OutputBound.CopyTo(of.OutputBound, range.Start.Value);
                gradInput.CopyTo(of.GradInput, range.Start.Value);
                bounds.GradInput.CopyTo(of.GradInputBound, range.Start.Value);
                for (var k = 0; k < c; k++)
                {
                    of.GradGamma[k] += gradGamma[k];
                    of.GradGammaBound[k] += bounds.GradGamma[k];
                    of.GradBeta[k] += gradBeta[k];
                    of.GradBetaBound[k] += bounds.GradBeta[k];
                }
            }

            return of;
        }

        public static Expected Frozen(
            BatchNormConfiguration configuration, double[] x, double[] gradOutput, double[]? gamma, double[]? beta,
            Running running, double unitRoundoff)
        {
            var (n, c, s) = configuration.View;
            var (mean, variance, epsilon) = (running.Mean, running.Variance, configuration.Epsilon);
            var invStd = ReferenceBatchNorm.InvStd(variance, epsilon);
            var output = ReferenceBatchNorm.ForwardEvaluation(x, gamma, beta, mean, variance, n, c, s, epsilon);
            var (gradInput, gradGamma, gradBeta) =
                ReferenceBatchNorm.BackwardFrozen(gradOutput, x, gamma, mean, invStd, n, c, s);
            var (outputBound, gradInputBound) = (new double[x.Length], new double[x.Length]);
            var (gammaBound, betaBound) = (new double[c], new double[c]);
            var factor = 8 * Math.Sqrt(n * s) * unitRoundoff;
            for (var i = 0; i < x.Length; i++)
            {
                var k = i / s % c;
                var xHat = Math.Abs((x[i] - mean[k]) * invStd[k]);
                outputBound[i] = 8 * unitRoundoff * (Math.Abs(gamma?[k] ?? 1) * xHat + Math.Abs(beta?[k] ?? 0));
                gradInputBound[i] = 8 * unitRoundoff * Math.Abs(gradInput[i]);
                gammaBound[k] += factor * Math.Abs(gradOutput[i]) * xHat;
                betaBound[k] += factor * Math.Abs(gradOutput[i]);
            }

            return new Expected(
                output, outputBound, gradInput, gradInputBound, gradGamma, gammaBound, gradBeta, betaBound);
        }

        /// <summary>Adds the input to the output, and so the gradient of the output to that of the input: a rounding of each
        /// sum.</summary>
        public void Add(double[] x, double[] gradOutput, double unitRoundoff)
        {
            for (var i = 0; i < x.Length; i++)
            {
                Output[i] += x[i];
                OutputBound[i] += 2 * unitRoundoff * (OutputBound[i] + Math.Abs(Output[i]));
                GradInput[i] += gradOutput[i];
                GradInputBound[i] += 2 * unitRoundoff * (GradInputBound[i] + Math.Abs(GradInput[i]));
            }
        }

        private static Expected Empty(int elements, int channels) => new(
            new double[elements], new double[elements], new double[elements], new double[elements],
            new double[channels], new double[channels], new double[channels], new double[channels]);
    }
}
