using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

// Not beside others: on a device that queues, a label that one test refuses is told to whoever waits next.
[NonParallelizable]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class SoftmaxCrossEntropyTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private static readonly int[] Batches = [1, 2, 17, 256, 1000];
    private static readonly int[] Classes = [1, 2, 3, 10, 16, 33, 100, 131];

    [Test]
    public void ForwardAndBackward_NormalLogits_AreWithinRounding(
        [ValueSource(nameof(Batches))] int batch, [ValueSource(nameof(Classes))] int classes,
        [Values] Reduction reduction) =>
        Check(RandomVector.Normal(1, batch * classes), batch, classes, reduction);

    [Test]
    public void ForwardAndBackward_HugeLogits_AreWithinRounding(
        [Values(30, 100, 1e4, 1e30)] double scale, [Values] Reduction reduction) =>
        Check(Array.ConvertAll(RandomVector.Normal(2, 33 * 10), value => scale * value), 33, 10, reduction);

    [Test]
    public void ForwardAndBackward_LogitsFarFromZero_AreWithinRounding([Values(1e4, -1e4)] double offset) =>
        Check(Array.ConvertAll(RandomVector.Normal(3, 33 * 10), value => offset + value), 33, 10, Reduction.Mean);

    [Test]
    public void ForwardAndBackward_SmoothedLabels_AreWithinRounding(
        [Values(1, 17, 100)] int batch, [ValueSource(nameof(Classes))] int classes, [Values(0.1, 0.75)] double smoothing) =>
        Check(RandomVector.Normal(6, batch * classes), batch, classes, Reduction.Mean, smoothing);

    [FsCheck.NUnit.Property(MaxTest = 260)]
    public Property ForwardAndBackward_RandomCases_AreWithinRounding() => Prop.ForAll(RandomCases, c =>
    {
        try
        {
            Check(
                Array.ConvertAll(RandomVector.Normal(c.Seed, c.Batch * c.Classes), value => c.Scale * value), c.Batch,
                c.Classes, c.Reduction, c.Smoothing);
        }
        finally
        {
            DisposeOwned();
        }
    });

    [Test]
    public void ForwardAndBackward_SmoothingZero_GivesTheBitsOfNone()
    {
        var logits = TensorOf(RandomVector.Normal(7, 40 * 13), [40, 13]);
        var labels = LabelsOf(LabelsFor(40, 13));
        SoftmaxCrossEntropy plain = Own(new SoftmaxCrossEntropy()), zero = Own(new SoftmaxCrossEntropy(labelSmoothing: 0));
        Assert.That(Read(zero.Forward(logits, labels)), Is.EqualTo(Read(plain.Forward(logits, labels))));
        Assert.That(Read(zero.Backward()), Is.EqualTo(Read(plain.Backward())));
    }

    [Test]
    public void ForwardAndBackward_LabelHopelesslyBehind_GivesTheDistance()
    {
        var loss = Own(new SoftmaxCrossEntropy());

        var value = Read(loss.Forward(TensorOf([1e4, -1e4, 0], [1, 3]), LabelsOf(1)));
        var gradient = Read(loss.Backward());

        ErrorBound.AssertEqual("loss", value, [20000]);
        ErrorBound.AssertEqual("gradient", gradient, [1, -1, 0]);
    }

    [Test]
    public void ForwardAndBackward_MaskedLogits_HaveNoWeight()
    {
        var loss = Own(new SoftmaxCrossEntropy());
        const double masked = double.NegativeInfinity;

        var value = Read(loss.Forward(TensorOf([masked, 3, masked, 3], [1, 4]), LabelsOf(3)));
        var gradient = Read(loss.Backward());

        ErrorBound.AssertWithin("loss", value, [Math.Log(2)], [4 * UnitRoundoff]);
        ErrorBound.AssertWithin(
            "gradient", gradient, [0, 0.5, 0, -0.5], [0, 4 * UnitRoundoff, 0, 4 * UnitRoundoff]);
    }

    [Test]
    public void Forward_NaNLogit_GivesANaNLoss([Values(0, 1, 2)] int place)
    {
        double[] logits = [1, 2, 3];
        logits[place] = double.NaN;

        var loss = Read(Own(new SoftmaxCrossEntropy()).Forward(TensorOf(logits, [1, 3]), LabelsOf(1)));

        Assert.That(loss, Is.EqualTo(new[] { double.NaN }));
    }

    [TestCase(0, -1)]
    [TestCase(3, 3)]
    [TestCase(4, int.MaxValue)]
    [TestCase(2, int.MinValue)]
    public void Forward_LabelOutOfRange_ThrowsAndCountsNothing(int row, int label)
    {
        var loss = Own(new SoftmaxCrossEntropy());
        var logits = TensorOf(Rounded(RandomVector.Normal(4, 15)), [5, 3]);
        loss.Forward(logits, LabelsOf(0, 1, 2, 0, 1));
        var before = loss.ReadTotals();
        int[] labels = [0, 1, 2, 0, 1];
        labels[row] = label;

        // A device that queues says so at the next wait.
        Assert.That(
            () =>
            {
                loss.Forward(logits, LabelsOf(labels));
                Device.Backend.Synchronize();
            },
            Throws.ArgumentException
                .With.Message.Contains($"label {label} ").And.Message.Contains($"row {row} ")
                .And.Message.Contains("[0, 3)"));
        Assert.That(loss.ReadTotals(), Is.EqualTo(before));
    }

    [Test]
    public void Totals_Ties_FirstGreatestLogitCounts()
    {
        var loss = Own(new SoftmaxCrossEntropy());

        loss.Forward(
            TensorOf([5, 5, 1, 5, 5, 1, 0, 7, 7, 0, 7, 7, 2, 2, 2], [5, 3]), LabelsOf(0, 1, 1, 2, 0));

        // Right: rows 0, 2 and 4, whose label is the first of the greatest.
        Assert.That(loss.ReadTotals().Correct, Is.EqualTo(3));
    }

    [Test]
    public void Totals_ManyTies_FirstGreatestLogitCounts([ValueSource(nameof(Classes))] int classes)
    {
        const int batch = 33;
        var loss = Own(new SoftmaxCrossEntropy());
        var logits = Array.ConvertAll(RandomVector.Normal(5, batch * classes), Math.Round);
        var (labels, correct) = (new int[batch], 0);
        for (var row = 0; row < batch; row++)
        {
            var values = logits.AsSpan(row * classes, classes).ToArray();
            var (first, last) = (Array.IndexOf(values, values.Max()), Array.LastIndexOf(values, values.Max()));
            labels[row] = row % 2 == 0 ? first : last;
            correct += labels[row] == first ? 1 : 0;
        }

        loss.Forward(TensorOf(logits, [batch, classes]), LabelsOf(labels));

        Assert.That(loss.ReadTotals().Correct, Is.EqualTo(correct));
    }

    [Test]
    public void Totals_NaNLogits_AreTheGreatestInFrontAlone([ValueSource(nameof(Classes))] int classes)
    {
        const int batch = 40;
        var loss = Own(new SoftmaxCrossEntropy());
        var logits = RandomVector.Normal(8, batch * classes);
        var labels = new int[batch];
        for (var row = 0; row < batch; row++)
        {
            logits[row * classes + row % classes] = double.NaN;
            var values = logits.AsSpan(row * classes, classes).ToArray();
            // Max of doubles is NaN where one of them is.
            labels[row] = row % classes == 0 ? 0 : Array.IndexOf(values, values.Where(double.IsFinite).Max());
        }

        loss.Forward(TensorOf(logits, [batch, classes]), LabelsOf(labels));

        Assert.That(loss.ReadTotals().Correct, Is.EqualTo(batch));
    }

    [Test]
    public void Totals_SeveralBatches_AddUpTheUnscaledLosses([Values] Reduction reduction)
    {
        var loss = Own(new SoftmaxCrossEntropy(reduction));
        Assert.That(loss.ReadTotals(), Is.EqualTo(default(LossTotals)));
        loss.Forward(TensorOf([9, 0], [1, 2]), LabelsOf(0));
        loss.ResetTotals();
        var (expected, bound, correct) = (0.0, 0.0, 0);
        foreach (var batch in new[] { 33, 7, 256 })
        {
            var logits = Rounded(RandomVector.Normal(batch, batch * 10));
            var labels = LabelsFor(batch, 10);
            expected += ReferenceSoftmaxCrossEntropy.Forward(logits, labels, batch, 10, mean: false);
            bound += RowBounds(logits, labels, batch, 10).Sum();
            for (var row = 0; row < batch; row++)
            {
                var values = logits.AsSpan(row * 10, 10).ToArray();
                correct += Array.IndexOf(values, values.Max()) == labels[row] ? 1 : 0;
            }

            loss.Forward(TensorOf(logits, [batch, 10]), LabelsOf(labels));
        }

        var totals = loss.ReadTotals();

        ErrorBound.AssertWithin("loss", [totals.Loss], [expected], [bound]);
        Assert.That(totals.Correct, Is.EqualTo(correct));
    }

    private static Arbitrary<(int Batch, int Classes, double Scale, double Smoothing, Reduction Reduction, int Seed)>
        RandomCases => Arb.From(
            from batch in Gen.Choose(1, 40)
            from classes in Gen.Choose(1, 150)
            from scale in Gen.Elements(0.1, 1, 10, 1000)
            from smoothing in Gen.Elements(0, 0.05, 0.1, 0.5, 0.99)
            from reduction in Gen.Elements(Reduction.Mean, Reduction.Sum)
            from seed in Gen.Choose(0, 1_000_000)
            select (batch, classes, scale, smoothing, reduction, seed));

    private static int[] LabelsFor(int batch, int classes)
    {
        var random = new Random(batch);
        return [.. Enumerable.Range(0, batch).Select(_ => random.Next(classes))];
    }

    private void Check(double[] values, int batch, int classes, Reduction reduction, double smoothing = 0)
    {
        var logits = Rounded(values);
        var labels = LabelsFor(batch, classes);
        var isMean = reduction == Reduction.Mean;
        var loss = Own(new SoftmaxCrossEntropy(reduction, smoothing));
        loss.Forward(Poison([batch, classes]), LabelsOf(labels));
        loss.Backward();

        var value = Read(loss.Forward(TensorOf(logits, [batch, classes]), LabelsOf(labels)));
        var gradient = Read(loss.Backward());

        var expected = ReferenceSoftmaxCrossEntropy.Forward(logits, labels, batch, classes, isMean, smoothing);
        var scale = isMean ? 1.0 / batch : 1;
        ErrorBound.AssertWithin("loss", value, [expected],
            [scale * RowBounds(logits, labels, batch, classes, smoothing).Sum() + 2 * UnitRoundoff * Math.Abs(expected)]);
        ErrorBound.AssertWithin("gradient", gradient,
            ReferenceSoftmaxCrossEntropy.Backward(logits, labels, batch, classes, isMean, smoothing),
            GradientBounds(logits, labels, batch, classes, scale, smoothing));
    }

    // A row's loss is log(sum of exp(-d)) + d[label], d being the distances below the maximum. A distance is off by
    // u * d, so its exponential by that part of itself, and the logarithm of their sum by the average of it under the
    // probabilities p; each sum of C terms has 8 * sqrt(C) * u of itself, as sums of products do. Logits so far behind
    // that their exponential underflows weigh nothing. Smoothing adds e / C of every distance.
    private double[] RowBounds(double[] logits, int[] labels, int batch, int classes, double smoothing = 0)
    {
        var bounds = new double[batch];
        for (var row = 0; row < batch; row++)
        {
            var (distances, probabilities, logSum) = Softmax(logits, row, classes);
            bounds[row] = 8 * Math.Sqrt(classes) * UnitRoundoff
                * (1 + logSum + distances.Zip(probabilities, (d, p) => d * p).Sum() + distances[labels[row]]
                    + smoothing * distances.Average());
        }

        return bounds;
    }

    // The weight e / C of every class is rounded, and so are its difference from the probability, the scale, and the product
    // with that.
    private double[] GradientBounds(
        double[] logits, int[] labels, int batch, int classes, double scale, double smoothing)
    {
        var bounds = new double[logits.Length];
        for (var row = 0; row < batch; row++)
        {
            var (distances, probabilities, _) = Softmax(logits, row, classes);
            var average = distances.Zip(probabilities, (d, p) => d * p).Sum();
            for (var column = 0; column < classes; column++)
            {
                var p = probabilities[column];
                bounds[row * classes + column] = scale * (SmallestNormal + 4 * UnitRoundoff * smoothing / classes
                    + 8 * Math.Sqrt(classes) * UnitRoundoff
                    * (p * (1 + distances[column] + average) + (column == labels[row] ? 1 : 0)));
            }
        }

        return bounds;
    }

    private static (double[] Distances, double[] Probabilities, double LogSum) Softmax(
        double[] logits, int row, int classes)
    {
        var values = logits.AsSpan(row * classes, classes).ToArray();
        var maximum = values.Max();
        var distances = Array.ConvertAll(values, value => maximum - value);
        var sum = distances.Sum(d => Math.Exp(-d));
        return (distances, Array.ConvertAll(distances, d => Math.Exp(-d) / sum), Math.Log(sum));
    }
}
