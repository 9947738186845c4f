using System.Numerics;
using System.Runtime.Intrinsics;
using CudaBn.Backends.Cpu.Simd;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cpu;

/// <summary>Every register is compared, lane by lane, with what plain arithmetic does to one number.</summary>
[TestFixture(TypeArgs = [typeof(SimdScalar<float>), typeof(float), typeof(float)])]
[TestFixture(TypeArgs = [typeof(SimdScalar<double>), typeof(double), typeof(double)])]
[TestFixture(TypeArgs = [typeof(Simd256<float>), typeof(Vector256<float>), typeof(float)])]
[TestFixture(TypeArgs = [typeof(Simd256<double>), typeof(Vector256<double>), typeof(double)])]
[TestFixture(TypeArgs = [typeof(Simd512<float>), typeof(Vector512<float>), typeof(float)])]
[TestFixture(TypeArgs = [typeof(Simd512<double>), typeof(Vector512<double>), typeof(double)])]
internal sealed unsafe class SimdTests<TSimd, TVector, T>
    where TSimd : struct, ISimd<TVector, T>
    where TVector : unmanaged
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private static readonly T[] _special =
    [
        T.Zero, T.NegativeZero, T.One, -T.One, T.Epsilon, -T.Epsilon, T.NaN, -T.NaN, T.PositiveInfinity,
        T.NegativeInfinity, T.Pi, T.CreateChecked(1e30f), T.CreateChecked(-1e30f),
    ];

    private static IEnumerable<(T Left, T Right)> Pairs() =>
        _special.SelectMany(left => _special.Select(right => (left, right)));

    [Test]
    public void Count_IsThatOfTheRegister()
    {
        Assert.That(TSimd.Count, Is.EqualTo(sizeof(TVector) / sizeof(T)));
        Assert.That(TSimd.MaxRows % 2, Is.Zero);
    }

    [Test]
    public void LoadStoreCreateZero_TouchTheirLanesOnly()
    {
        var memory = Enumerable.Repeat(T.Pi, TSimd.Count + 2).ToArray();
        fixed (T* p = memory)
        {
            TSimd.Store(Vector(i => T.CreateChecked(i)), p + 1);
            Assert.That(Lanes(TSimd.Load(p + 1)), Is.EqualTo(Lanes(Vector(i => T.CreateChecked(i)))));
        }

        Assert.That((memory[0], memory[^1]), Is.EqualTo((T.Pi, T.Pi)));
        Assert.That(Lanes(TSimd.Create(T.E)), Is.All.EqualTo(T.E));
        Assert.That(Lanes(TSimd.Zero), Is.All.EqualTo(T.Zero));
    }

    [Test]
    public void Indices_CountFromZero() => Assert.That(
        Lanes(TSimd.Indices), Is.EqualTo(Enumerable.Range(0, TSimd.Count).Select(i => T.CreateChecked(i))));

    [Test]
    public void LoadBytes_GivesEveryByteAsANumber()
    {
        var bytes = Enumerable.Range(0, 256 + TSimd.Count).Select(i => (byte)i).ToArray();
        fixed (byte* p = bytes)
        {
            for (var first = 0; first <= 256; first++)
                Assert.That(
                    Lanes(TSimd.LoadBytes(p + first)),
                    Is.EqualTo(Enumerable.Range(first, TSimd.Count).Select(i => T.CreateChecked((byte)i))), $"{first}");
        }
    }

    [Test]
    public void StoreBytes_WritesEveryNumber_AndItsLanesOnly()
    {
        var bytes = new byte[TSimd.Count + 2];
        fixed (byte* p = bytes)
        {
            for (var first = 0; first < 256; first++)
            {
                bytes.AsSpan().Fill(77);
                TSimd.StoreBytes(Vector(i => T.CreateChecked((byte)(first + 3 * i))), p + 1);
                Assert.That(
                    bytes,
                    Is.EqualTo((byte[])[77, .. Enumerable.Range(0, TSimd.Count).Select(i => (byte)(first + 3 * i)), 77]),
                    $"{first}");
            }
        }
    }

    [Test]
    public void Permute_MovesEveryLaneToEveryPlace()
    {
        var count = TSimd.Count;
        var lanes = stackalloc int[count];
        for (var step = 0; step < count; step++)
        {
            // Turned by some lanes; turned and reversed; one lane everywhere; with its bits as they are.
            foreach (var order in new Func<int, int>[]
                { i => (i + step) % count, i => (2 * count - 1 - i - step) % count, _ => step })
            {
                for (var i = 0; i < count; i++)
                    lanes[i] = order(i);
                var value = Vector(i => i == count / 2 ? T.NegativeZero : T.CreateChecked(i + 1));
                var permuted = Lanes(TSimd.Permute(value, TSimd.CreateIndices(lanes)));
                var expected = Enumerable.Range(0, count).Select(i => Lanes(value)[order(i)]);
                Assert.That(permuted.Select(Bits), Is.EqualTo(expected.Select(Bits)), $"{step}");
            }
        }
    }

    [Test]
    public void PermuteTwo_MovesEveryElementToEveryLane()
    {
        var count = TSimd.Count;
        var lanes = stackalloc int[count];
        var (low, high) = (Vector(i => T.CreateChecked(i + 1)), Vector(i => i == 0 ? T.NegativeZero : T.CreateChecked(-i)));
        T[] elements = [.. Lanes(low), .. Lanes(high)];
        for (var step = 0; step < 2 * count; step++)
        {
            foreach (var order in new Func<int, int>[]
                { i => (i + step) % (2 * count), i => (4 * count - 1 - 2 * i - step) % (2 * count), _ => step })
            {
                for (var i = 0; i < count; i++)
                    lanes[i] = order(i);
                var permuted = Lanes(TSimd.PermuteTwo(low, high, TSimd.CreateIndices(lanes)));
                Assert.That(
                    permuted.Select(Bits), Is.EqualTo(Enumerable.Range(0, count).Select(i => Bits(elements[order(i)]))),
                    $"{step}");
            }
        }
    }

    [Test]
    public void Arithmetic_IsThatOfOneNumber()
    {
        foreach (var (left, right) in Pairs())
        {
            Check(TSimd.Add, (a, b) => a + b, left, right);
            Check(TSimd.Subtract, (a, b) => a - b, left, right);
            Check(TSimd.Multiply, (a, b) => a * b, left, right);
        }
    }

    [Test]
    public void Sqrt_IsThatOfOneNumber()
    {
        foreach (var value in _special)
            Assert.That(Lanes(TSimd.Sqrt(TSimd.Create(value))), Is.All.EqualTo(T.Sqrt(value)), $"{value}");
        Assert.That(
            Lanes(TSimd.Sqrt(Vector(i => T.CreateChecked(i)))),
            Is.EqualTo(Enumerable.Range(0, TSimd.Count).Select(i => T.Sqrt(T.CreateChecked(i)))));
    }

    [Test]
    public void MultiplyAdd_RoundsOnce()
    {
        var random = new Random(1);
        for (var i = 0; i < 2000; i++)
        {
            var a = T.CreateTruncating(random.NextDouble() - 0.5);
            var b = T.CreateTruncating(random.NextDouble() - 0.5);
            // The rounded product taken off: what is left is the rounding itself, 0 if it was rounded twice.
            var c = -(a * b);
            var sum = TSimd.MultiplyAdd(TSimd.Create(a), TSimd.Create(b), TSimd.Create(c));
            Assert.That(Lanes(sum), Is.All.EqualTo(T.FusedMultiplyAdd(a, b, c)));
        }

        var lanes = TSimd.MultiplyAdd(
            Vector(i => T.CreateChecked(i)), Vector(i => T.CreateChecked(2 * i)), Vector(i => T.CreateChecked(i + 1)));
        Assert.That(Lanes(lanes), Is.EqualTo(Enumerable.Range(0, TSimd.Count).Select(i => T.CreateChecked(2 * i * i + i + 1))));
    }

    [Test]
    public void GreaterThanAndEqual_AreTrueOnlyWhereTheyShould()
    {
        foreach (var (left, right) in Pairs())
        {
            AssertMask(TSimd.GreaterThan(TSimd.Create(left), TSimd.Create(right)), left > right, $"{left} > {right}");
            AssertMask(TSimd.Equal(TSimd.Create(left), TSimd.Create(right)), left == right, $"{left} == {right}");
        }
    }

    [Test]
    public void Masks_CombineAsBooleans()
    {
        foreach (var left in new[] { false, true })
        {
            foreach (var right in new[] { false, true })
            {
                AssertMask(TSimd.Or(Mask(left), Mask(right)), left || right, $"{left} or {right}");
                AssertMask(TSimd.And(Mask(left), Mask(right)), left && right, $"{left} and {right}");
                AssertMask(TSimd.AndNot(Mask(left), Mask(right)), left && !right, $"{left} and not {right}");
            }
        }
    }

    [Test]
    public void Greater_OfNaNsAndEqualZeros_IsTheRightOne()
    {
        foreach (var (left, right) in Pairs())
        {
            var greater = Lanes(TSimd.Greater(TSimd.Create(left), TSimd.Create(right)));
            Assert.That(
                greater.Select(Bits), Is.All.EqualTo(Bits(left > right ? left : right)), $"{left} or {right}");
        }
    }

    [Test]
    public void Equal_ComparesEveryLaneWithItsOwn()
    {
        var equal = TSimd.Equal(Vector(i => T.CreateChecked(i % 3)), Vector(i => T.CreateChecked(i % 2)));
        Assert.That(
            Lanes(TSimd.Select(equal, TSimd.Create(T.One), TSimd.Zero)),
            Is.EqualTo(Enumerable.Range(0, TSimd.Count).Select(i => i % 3 == i % 2 ? T.One : T.Zero)));
    }

    [Test]
    public void And_OfAMaskAndAValue_KeepsOrClearsTheValue()
    {
        foreach (var value in _special)
        {
            Assert.That(Lanes(TSimd.And(Mask(true), TSimd.Create(value))).Select(Bits), Is.All.EqualTo(Bits(value)));
            Assert.That(Lanes(TSimd.And(Mask(false), TSimd.Create(value))).Select(Bits), Is.All.EqualTo(Bits(T.Zero)));
        }
    }

    [Test]
    public void MaskOfAMaximum_NaNWinsOnce()
    {
        // As max-pooling asks: the new value wins if it is greater, or NaN where the old one is none.
        foreach (var (old, value) in Pairs())
        {
            var (o, v) = (TSimd.Create(old), TSimd.Create(value));
            var wins = TSimd.And(TSimd.NotLessOrEqual(v, o), TSimd.Equal(o, o));
            AssertMask(wins, value > old || (T.IsNaN(value) && !T.IsNaN(old)), $"{old}, then {value}");
        }
    }

    [Test]
    public void Select_TakesEveryLaneByItsMask()
    {
        var odd = TSimd.GreaterThan(Vector(i => T.CreateChecked(i % 2)), TSimd.Zero);
        var selected = TSimd.Select(odd, Vector(i => T.CreateChecked(i)), Vector(i => T.CreateChecked(-i - 1)));
        Assert.That(
            Lanes(selected), Is.EqualTo(Enumerable.Range(0, TSimd.Count).Select(i => T.CreateChecked(i % 2 == 1 ? i : -i - 1))));
        foreach (var (left, right) in Pairs())
        {
            var (l, r) = (TSimd.Create(left), TSimd.Create(right));
            Assert.That(Lanes(TSimd.Select(Mask(true), l, r)).Select(Bits), Is.All.EqualTo(Bits(left)));
            Assert.That(Lanes(TSimd.Select(Mask(false), l, r)).Select(Bits), Is.All.EqualTo(Bits(right)));
        }
    }

    [Test]
    public void Sum_AddsEveryLane()
    {
        for (var lane = 0; lane < TSimd.Count; lane++)
        {
            Assert.That(TSimd.Sum(Vector(i => i == lane ? T.Pi : T.Zero)), Is.EqualTo(T.Pi));
            Assert.That(TSimd.Sum(Vector(i => i == lane ? T.NaN : T.One)), Is.EqualTo(T.NaN));
        }

        Assert.That(TSimd.Sum(Vector(i => T.CreateChecked(1 << i))), Is.EqualTo(T.CreateChecked((1 << TSimd.Count) - 1)));
    }

    [Test]
    public void Transpose_MovesEveryElementAndNothingElse()
    {
        var n = TSimd.Count;
        foreach (var (sourceStride, destinationStride) in new[] { (n, n), (n + 3, n + 5), (2 * n + 1, n) })
        {
            var source = Enumerable.Range(0, n * sourceStride).Select(i => T.CreateChecked(i + 1)).ToArray();
            var destination = new T[n * destinationStride];
            fixed (T* s = source, d = destination)
                TSimd.Transpose(s, sourceStride, d, destinationStride);
            for (var row = 0; row < n; row++)
            {
                for (var column = 0; column < destinationStride; column++)
                    Assert.That(
                        destination[row * destinationStride + column],
                        Is.EqualTo(column < n ? source[column * sourceStride + row] : T.Zero), $"[{row}, {column}]");
            }
        }
    }

    [Test]
    public void Deinterleave_SplitsEvenAndOddPlaces_AndInterleaveJoinsThem()
    {
        var n = TSimd.Count;
        var (low, high) = (Vector(i => T.CreateChecked(i)), Vector(i => T.CreateChecked(n + i)));
        TSimd.Deinterleave(low, high, out var even, out var odd);
        Assert.That(Lanes(even), Is.EqualTo(Enumerable.Range(0, n).Select(i => T.CreateChecked(2 * i))));
        Assert.That(Lanes(odd), Is.EqualTo(Enumerable.Range(0, n).Select(i => T.CreateChecked(2 * i + 1))));
        TSimd.Interleave(even, odd, out var lowAgain, out var highAgain);
        Assert.That(Lanes(lowAgain), Is.EqualTo(Lanes(low)));
        Assert.That(Lanes(highAgain), Is.EqualTo(Lanes(high)));
    }

    private static TVector Vector(Func<int, T> lane)
    {
        var lanes = stackalloc T[TSimd.Count];
        for (var i = 0; i < TSimd.Count; i++)
            lanes[i] = lane(i);
        return TSimd.Load(lanes);
    }

    private static T[] Lanes(TVector vector)
    {
        var lanes = new T[TSimd.Count];
        fixed (T* p = lanes)
            TSimd.Store(vector, p);
        return lanes;
    }

    private static TVector Mask(bool value) =>
        TSimd.GreaterThan(value ? TSimd.Create(T.One) : TSimd.Zero, TSimd.Zero);

    private static void AssertMask(TVector mask, bool expected, string what) => Assert.That(
        Lanes(TSimd.Select(mask, TSimd.Create(T.One), TSimd.Zero)), Is.All.EqualTo(expected ? T.One : T.Zero), what);

    private static void Check(Func<TVector, TVector, TVector> vector, Func<T, T, T> scalar, T left, T right)
    {
        var expected = scalar(left, right);
        foreach (var lane in Lanes(vector(TSimd.Create(left), TSimd.Create(right))))
            Assert.That(
                T.IsNaN(lane) == T.IsNaN(expected) && (T.IsNaN(lane) || Bits(lane) == Bits(expected)), Is.True,
                $"{left}, {right}: {lane}, expected {expected}");
    }

    private static long Bits(T value) => typeof(T) == typeof(float)
        ? BitConverter.SingleToInt32Bits((float)(object)value)
        : BitConverter.DoubleToInt64Bits((double)(object)value);
}
