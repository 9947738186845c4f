using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class ReLUTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private static readonly double[] Special =
        [double.NaN, 0.0, -0.0, double.PositiveInfinity, double.NegativeInfinity, 1e-40, -1e-40, 1e-310, -1e-310];

    private static IEnumerable<int> Lengths() =>
        [.. Enumerable.Range(1, 70), 16383, 16384, 16385, 16400, 32767, 32768, 32769, 50000];

    [FsCheck.NUnit.Property(MaxTest = 260)]
    public Property ForwardAndBackward_RandomLengths_AreExact() => Prop.ForAll(
        Arb.From(Gen.Choose(1, 3000)),
        length =>
        {
            try
            {
                ForwardAndBackward_AreExact(length);
            }
            finally
            {
                DisposeOwned();
            }
        });

    [TestCaseSource(nameof(Lengths))]
    public void ForwardAndBackward_AreExact(int length)
    {
        // Special values wander through all lanes and the tail, as the length grows.
        var x = RandomVector.Normal(length, length);
        var gradOutput = RandomVector.Normal(length + 1, length);
        for (var i = 0; i < Special.Length && i < length; i++)
        {
            x[length - 1 - i * length / Special.Length] = Special[i];
            gradOutput[(i * 7 + length / 2) % length] = Special[i];
        }

        (x, gradOutput) = (Rounded(x), Rounded(gradOutput));
        var layer = OnDevice(new ReLU());
        layer.Forward(Poison([length]));
        layer.Backward(Poison([length]));

        var y = Read(layer.Forward(TensorOf(x, [length])));
        var gradInput = Read(layer.Backward(TensorOf(gradOutput, [length])));

        var expected = ReferenceReLU.Forward(x);
        ErrorBound.AssertExact("output", y, expected);
        ErrorBound.AssertExact("input gradient", gradInput, ReferenceReLU.Backward(gradOutput, expected));
    }

    [Test]
    public void Forward_AnyShape_IsKept()
    {
        Shape shape = [2, 3, 5, 7];
        var x = Rounded(RandomVector.Normal(1, (int)shape.ElementCount));

        var y = OnDevice(new ReLU()).Forward(TensorOf(x, shape));

        Assert.That(y.Shape, Is.EqualTo(shape));
        ErrorBound.AssertExact("output", Read(y), ReferenceReLU.Forward(x));
    }

    [Test]
    public void Backward_NaNGradientAtABlockedElement_IsZero()
    {
        var layer = OnDevice(new ReLU());
        layer.Forward(TensorOf([-1, 1, 0, double.NaN], [4]));

        var gradInput = Read(layer.Backward(TensorOf([double.NaN, double.NaN, double.NaN, 2], [4])));

        ErrorBound.AssertExact("input gradient", gradInput, [0, double.NaN, 0, 2]);
    }
}
