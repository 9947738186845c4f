using CudaBn.Backends.Cpu;
using NUnit.Framework;

namespace CudaBn.Tests.Core;

[TestFixtureSource(typeof(Devices), nameof(Devices.All))]
public class SoftmaxCrossEntropyArgumentTests(Device device)
{
    private static readonly float[] _logits = [1, 2, 3, 3, 2, 1];

    [TestCase(-1)]
    [TestCase(3)]
    [TestCase(int.MinValue)]
    [TestCase(int.MaxValue)]
    public void Label_OutOfRange_NamesRowAndLabelAndLeavesTheTotals(int label)
    {
        using var loss = new SoftmaxCrossEntropy();
        using var logits = Tensor.From(_logits, [2, 3], device);
        using var good = Tensor.From([2, 1], [2], device);
        using var bad = Tensor.From([0, label], [2], device);
        loss.Forward(logits, good);
        var totals = loss.ReadTotals();
        ErrorAssert.Throws<ArgumentException>(
            ForwardAndWait, "SoftmaxCrossEntropy", $"label {label} of row 1", "[0, 3)");
        Assert.That(loss.ReadTotals(), Is.EqualTo(totals));
        // A device that queues learns of the label when backward may have run already.
        if (device.Kind == DeviceKind.Cpu)
            ErrorAssert.Throws<InvalidOperationException>(() => loss.Backward(), "forward");
        loss.Forward(logits, good);
        Assert.That(loss.Backward().Shape, Is.EqualTo(logits.Shape));
        Assert.That(loss.ReadTotals().Loss, Is.EqualTo(2 * totals.Loss));
        Assert.That(loss.ReadTotals().Correct, Is.EqualTo(2));

        void ForwardAndWait()
        {
            loss.Forward(logits, bad);
            device.Backend.Synchronize();
        }
    }

    [Test]
    public void Arguments_ThatDoNotFit_AreNamed()
    {
        using var other = new CpuBackend(threads: 1);
        using var loss = new SoftmaxCrossEntropy(Reduction.Sum);
        using var logits = Tensor.From(_logits, [2, 3], device);
        using var flat = logits.Reshape([6]);
        using var labels = Tensor.From([2, 1], [2], device);
        using var integers = Tensor.From([1, 2, 3, 4, 5, 6], [2, 3], device);
        ErrorAssert.Throws<ArgumentException>(() => loss.Forward(flat, labels), "SoftmaxCrossEntropy", flat.ToString());
        ErrorAssert.Throws<ArgumentException>(() => loss.Forward(integers, labels), integers.ToString());
        foreach (var bad in new[]
        {
            Tensor.From([1, 1, 1], [3], device), Tensor.From([1, 1], [2, 1], device), Tensor.From([1L, 1], [2], device),
            Tensor.From([1f, 1], [2], device), Tensor.From([1, 1], [2], other.Device),
        })
        {
            using (bad)
                ErrorAssert.Throws<ArgumentException>(
                    () => loss.Forward(logits, bad), "SoftmaxCrossEntropy", "[2]", bad.ToString());
        }

        Assert.That(() => loss.Forward(null!, labels), Throws.ArgumentNullException);
        Assert.That(() => loss.Forward(logits, null!), Throws.ArgumentNullException);
        Assert.That(loss.Forward(logits, labels).ElementCount, Is.EqualTo(1));
        ErrorAssert.Throws<ArgumentException>(() => _ = new SoftmaxCrossEntropy((Reduction)5), "5 is no reduction");
        foreach (var smoothing in new[] { -0.1, 1, double.NaN })
            ErrorAssert.Throws<ArgumentException>(
                () => _ = new SoftmaxCrossEntropy(labelSmoothing: smoothing), "SoftmaxCrossEntropy",
                $"label smoothing {smoothing} ");
    }

    [Test]
    public void Backward_BeforeForward_Throws()
    {
        using var loss = new SoftmaxCrossEntropy();
        ErrorAssert.Throws<InvalidOperationException>(() => loss.Backward(), "SoftmaxCrossEntropy", "forward");
        Assert.That(loss.ReadTotals(), Is.EqualTo(default(LossTotals)));
        Assert.That(loss.ResetTotals, Throws.Nothing);
    }

    [Test]
    public void Totals_AddUpUntilReset()
    {
        using var loss = new SoftmaxCrossEntropy();
        using var logits = Tensor.From(_logits, [2, 3], device);
        using var labels = Tensor.From([2, 1], [2], device);
        var mean = loss.Forward(logits, labels).ToArray<float>()[0];
        loss.Forward(logits, labels);
        Assert.That(loss.ReadTotals().Loss, Is.EqualTo(4 * mean).Within(1e-5));
        Assert.That(loss.ReadTotals().Correct, Is.EqualTo(2));
        loss.ResetTotals();
        Assert.That(loss.ReadTotals(), Is.EqualTo(default(LossTotals)));
    }
}
