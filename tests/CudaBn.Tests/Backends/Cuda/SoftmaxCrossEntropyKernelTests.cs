using CudaBn.Backends.Cuda;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

// Not beside others: on a device that queues, a label that one test refuses is told to whoever waits next.
[NonParallelizable]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.CudaInEveryType))]
public class SoftmaxCrossEntropyKernelTests(TestBackend backend, DType dtype) : KernelFixture(backend, dtype)
{
    [Test]
    public void Forward_AnyLaunchShape_GivesTheReference(
        [Values(1, 2, 4, 32)] int lanes, [Values(32, 64, 256)] int threads, [Values(1, 3, 40)] int blocks,
        [Values(1, 37)] int batch, [Values(1, 10, 67)] int classes)
    {
        // Differences of small integers have no rounding: what is left is that of exp, log and the sums.
        var logits = RandomVector.Integers(1, batch * classes, 3);
        int[] labels = [.. Enumerable.Range(0, batch).Select(row => row * 7 % classes)];
        var probabilities = Poison([batch, classes]);
        var loss = Poison([1]);
        var totals = Own(Tensor.From([100.0, 1000.0], [2], Device));

        Forward(logits, labels, classes, probabilities, loss, totals, lanes, threads, blocks);

        var expected = ReferenceSoftmaxCrossEntropy.Forward(logits, labels, batch, classes, mean: false);
        // A row's loss is at most 6 + log(classes); its sum of exponentials has one rounding per class, and exp and log are
        // off by two units.
        var bound = batch * 8 * Math.Sqrt(classes) * UnitRoundoff * (7 + Math.Log(classes));
        Assert.Multiple(() =>
        {
            ErrorBound.AssertWithin("loss", Read(loss), [expected / 2], [bound]);
            ErrorBound.AssertWithin(
                "totals", totals.ToArray<double>(), [100 + expected, 1000 + Correct(logits, labels, classes)], [bound, 0]);
            // The gradient of the sum, with the one-hot labels added again.
            var softmax = ReferenceSoftmaxCrossEntropy.Backward(logits, labels, batch, classes, mean: false);
            for (var row = 0; row < batch; row++)
                softmax[row * classes + labels[row]] += 1;
            ErrorBound.AssertWithin("probabilities", Read(probabilities), softmax,
                Array.ConvertAll(softmax, _ => 8 * Math.Sqrt(classes) * UnitRoundoff));
        });
    }

    [Test]
    public void Forward_NaNAmongLogits_WinsInColumn0Alone([Values(1, 4, 32)] int lanes, [Values(0, 1, 6)] int place)
    {
        // The label is the column that counts as the greatest.
        double[] logits = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        logits[place] = double.NaN;
        var totals = Own(Tensor.From([0.0, 0.0], [2], Device));

        Forward(logits, [place == 0 ? 0 : 8], 9, Poison([9]), Poison([1]), totals, lanes, 32, 1);

        Assert.That(totals.ToArray<double>(), Is.EqualTo(new[] { double.NaN, 1 }));
    }

    [Test]
    public void Forward_AgainAndAgain_GivesTheSameBits()
    {
        var logits = TensorOf(Rounded(RandomVector.Normal(2, 1009 * 10)), [1009, 10]);
        var labels = LabelsOf([.. Enumerable.Range(0, 1009).Select(row => row % 10)]);
        var loss = Own(new SoftmaxCrossEntropy());
        var first = TensorBits.Of(loss.Forward(logits, labels));
        var firstTotals = loss.ReadTotals();
        for (var run = 0; run < 3; run++)
        {
            loss.ResetTotals();
            Assert.That(TensorBits.Of(loss.Forward(logits, labels)), Is.EqualTo(first));
            Assert.That(loss.ReadTotals(), Is.EqualTo(firstTotals));
        }
    }

    [Test]
    public void Forward_SeveralBadLabels_TheFirstRowOfTheFirstBatchIsNamedOnce()
    {
        var loss = Own(new SoftmaxCrossEntropy());
        var logits = TensorOf(RandomVector.Integers(3, 700 * 10, 3), [700, 10]);
        var good = new int[700];
        loss.Forward(logits, LabelsOf(good));
        var before = loss.ReadTotals();
        int[] bad = [.. good];
        (bad[699], bad[433], bad[650]) = (10, -5, 77);
        int[] alsoBad = [.. good];
        alsoBad[2] = 12;

        var value = loss.Forward(logits, LabelsOf(bad));
        var gradient = loss.Backward();
        loss.Forward(logits, LabelsOf(alsoBad));

        Assert.That(Device.Backend.Synchronize, Throws.ArgumentException
            .With.Message.EqualTo("SoftmaxCrossEntropy: label -5 of row 433 is outside [0, 10)."));
        Assert.That(Device.Backend.Synchronize, Throws.Nothing);
        Assert.That(loss.ReadTotals(), Is.EqualTo(before));
        Assert.That(Read(value), Is.All.Not.NaN);
        var rows = Read(gradient);
        Assert.That(rows[4330..4340].Concat(rows[6500..6510]).Concat(rows[6990..7000]), Is.All.EqualTo(0));
        Assert.That(rows[4320..4330].Concat(rows[4340..4350]), Has.None.EqualTo(0));
    }

    [Test]
    public void Forward_BadLabelInAReplay_IsToldAtTheNextWait()
    {
        var loss = Own(new SoftmaxCrossEntropy());
        var logits = TensorOf(RandomVector.Integers(4, 5 * 3, 3), [5, 3]);
        var labels = LabelsOf(0, 1, 2, 0, 1);
        loss.Forward(logits, labels);
        using var recording = Backend.Record(() => loss.Forward(logits, labels));
        recording.Replay();
        Assert.That(Device.Backend.Synchronize, Throws.Nothing);
        labels.CopyFrom<int>([0, 1, 2, 3, 1]);

        recording.Replay();

        Assert.That(Device.Backend.Synchronize, Throws.ArgumentException
            .With.Message.EqualTo("SoftmaxCrossEntropy: label 3 of row 3 is outside [0, 3)."));
    }

    private void Forward(
        double[] logits, int[] labels, int classes, Tensor probabilities, Tensor loss, Tensor totals, int lanes,
        int threads, int blocks)
    {
        using var scope = Backend.Enter();
        Backend.Kernel(CudaBackend.SoftmaxCrossEntropyFile, "softmax_cross_entropy_forward", DType).Launch(
            blocks, threads,
            [
                TensorOf(logits, [labels.Length, classes]), LabelsOf(labels), labels.Length, classes, lanes, 0.5,
                KernelArgument.Real(1, DType), KernelArgument.Real(0, DType), probabilities, loss, totals, Backend.Scratch((long)blocks * CudaBackend.LossSumsBytes),
                Backend.Counters(1), Backend.RefusedLabelOnDevice(), (Tensor?)null,
            ]);
    }

    private static int Correct(double[] logits, int[] labels, int classes)
    {
        var correct = 0;
        for (var row = 0; row < labels.Length; row++)
        {
            var values = logits[(row * classes)..((row + 1) * classes)];
            correct += Array.IndexOf(values, values.Max()) == labels[row] ? 1 : 0;
        }

        return correct;
    }
}
