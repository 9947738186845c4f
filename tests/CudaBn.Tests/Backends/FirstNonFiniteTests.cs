using CudaBn.Backends.OpArgs;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class FirstNonFiniteTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private static readonly double[] Kinds = [double.NaN, double.PositiveInfinity, double.NegativeInfinity];

    [Test]
    public void OneValue_IsFoundWhereverItIs(
        [Values(1, 7, 16, 17, 1023, 1024, 1025)] int size, [ValueSource(nameof(Kinds))] double value)
    {
        var values = Rounded(RandomVector.Normal(size, size));
        foreach (var place in new[] { 0, size / 2, size - 1 })
        {
            var broken = (double[])values.Clone();
            broken[place] = value;
            Assert.That(Find(broken), Is.EqualTo(new long[] { place }), $"at {place} of {size}");
        }

        Assert.That(Find(values), Is.EqualTo(new long[] { -1 }));
    }

    [Test]
    public void OfSeveral_TheFirstIsFound()
    {
        // Chunks of all backends, and registers of all widths, end in between.
        var values = Rounded(RandomVector.Normal(1, 50_003));
        foreach (var place in new[] { 50_002, 33_000, 32_768, 16_384, 16_383, 1_024, 1_023, 3 })
        {
            values[place] = Kinds[place % 3];
            Assert.That(Find(values), Is.EqualTo(new long[] { place }));
        }
    }

    [Test]
    public void GreatestAndSmallestNumbers_AreFinite()
    {
        double[] extremes = DType == DType.Float32
            ? [float.MaxValue, -float.MaxValue, float.Epsilon, -0.0, 0]
            : [double.MaxValue, -double.MaxValue, double.Epsilon, -0.0, 0];
        Assert.That(Find([.. Enumerable.Range(0, 40).Select(i => extremes[i % 5])]), Is.EqualTo(new long[] { -1 }));
    }

    [Test]
    public void ManyTensors_EachHasItsOwn()
    {
        var random = new Random(5);
        var tensors = Enumerable.Range(0, 400).Select(i =>
        {
            var values = RandomVector.Normal(i, 1 + random.Next(40));
            if (i % 3 == 0)
                values[random.Next(values.Length)] = Kinds[i / 3 % 3];
            return values;
        }).ToArray();

        Assert.That(Find(tensors), Is.EqualTo(tensors.Select(ReferenceFirstNonFinite.Of)));
    }

    [Test]
    public void Recorded_FindsWhatIsThereWhenItRuns()
    {
        var tensor = TensorOf([1, 2, 3], [3]);
        var indices = Own(Tensor.From([7L], [1], Device));
        Device.Backend.FirstNonFinite(new FirstNonFiniteArgs([tensor], indices));
        var search = Repeated(() => Device.Backend.FirstNonFinite(new FirstNonFiniteArgs([tensor], indices)));

        search();
        Assert.That(indices.ToArray<long>(), Is.EqualTo(new[] { -1L }));
        Write([1, double.NaN, double.NaN], tensor);
        search();
        Assert.That(indices.ToArray<long>(), Is.EqualTo(new[] { 1L }));
    }

    private long[] Find(params double[][] values)
    {
        var indices = Own(Tensor.From(new long[values.Length], [values.Length], Device));
        Tensor[] tensors = [.. values.Select(one => TensorOf(one, [one.Length]))];
        Device.Backend.FirstNonFinite(new FirstNonFiniteArgs(tensors, indices));
        return indices.ToArray<long>();
    }
}
