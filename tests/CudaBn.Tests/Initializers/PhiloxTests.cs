using NUnit.Framework;

namespace CudaBn.Tests.Initializers;

public class PhiloxTests
{
    // The known answers that the authors publish with their Random123 library for philox4x32, 10 rounds.
    [TestCase(
        new uint[] { 0, 0, 0, 0 }, new uint[] { 0, 0 },
        new uint[] { 0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8 })]
    [TestCase(
        new uint[] { 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF }, new uint[] { 0xFFFFFFFF, 0xFFFFFFFF },
        new uint[] { 0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD })]
    [TestCase(
        new uint[] { 0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344 }, new uint[] { 0xA4093822, 0x299F31D0 },
        new uint[] { 0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1 })]
    public void Block_PublishedVectors_AreReproduced(uint[] counter, uint[] key, uint[] expected)
    {
        var (w0, w1, w2, w3) = Philox.Block(counter[0], counter[1], counter[2], counter[3], key[0], key[1]);
        Assert.That(new[] { w0, w1, w2, w3 }, Is.EqualTo(expected));
    }

    [Test]
    public void Bits_AreHalfABlockEach()
    {
        const ulong seed = 0x0123456789ABCDEF;
        foreach (var block in new ulong[] { 0, 1, 77, 0x1_0000_0005 })
        {
            var (w0, w1, w2, w3) = Philox.Block(
                (uint)block, (uint)(block >> 32), 9, 0, unchecked((uint)seed), (uint)(seed >> 32));
            Assert.That(Philox.Bits(seed, 9, 2 * block), Is.EqualTo(w0 | ((ulong)w1 << 32)));
            Assert.That(Philox.Bits(seed, 9, 2 * block + 1), Is.EqualTo(w2 | ((ulong)w3 << 32)));
        }
    }

    [Test]
    public void Bits_OtherSeedStreamOrElement_AreOthers()
    {
        var seen = new HashSet<ulong>();
        foreach (var seed in new ulong[] { 0, 1, 1UL << 32, ulong.MaxValue })
        {
            foreach (var stream in new uint[] { 0, 1, 0x8000_0000, uint.MaxValue })
            {
                for (ulong element = 0; element < 1000; element++)
                    Assert.That(seen.Add(Philox.Bits(seed, stream, element)), Is.True);
            }
        }
    }

    [Test]
    public void Uniform_IsInsideTheOpenInterval_AndFillsIt()
    {
        const int count = 1 << 16;
        var buckets = new int[64];
        double sum = 0;
        for (ulong i = 0; i < count; i++)
        {
            var u = Philox.Uniform(3, 1, i);
            Assert.That(u, Is.GreaterThan(0).And.LessThan(1));
            buckets[(int)(u * 64)]++;
            sum += u;
        }

        Assert.That(sum / count, Is.EqualTo(0.5).Within(5 * Math.Sqrt(1.0 / 12 / count)));
        Assert.That(ChiSquare(buckets, count / 64.0), Is.LessThan(63 + 5 * Math.Sqrt(2 * 63)));
    }

    [TestCase(1u)]
    [TestCase(2u)]
    [TestCase(3u)]
    [TestCase(10u)]
    [TestCase(100u)]
    public void Below_SmallBounds_IsUniform(uint bound)
    {
        const int draws = 100_000;
        var counts = new int[bound];
        ulong next = 0;
        for (var i = 0; i < draws; i++)
            counts[Philox.Below(bound, 5, 2, ref next)]++;
        var freedom = (int)bound - 1;
        Assert.That(ChiSquare(counts, draws / (double)bound), Is.LessThan(freedom + 5 * Math.Sqrt(2.0 * freedom) + 1e-9));
    }

    [Test]
    public void Below_LargeBound_RedrawsInsteadOfFavouringSomeNumbers()
    {
        // Of 2^32 products, a quarter falls into the part that a bound of 3 * 2^30 would count twice.
        const uint bound = 3u << 30;
        const int draws = 60_000;
        var counts = new int[3];
        ulong next = 0;
        for (var i = 0; i < draws; i++)
        {
            var value = Philox.Below(bound, 5, 2, ref next);
            Assert.That(value, Is.LessThan(bound));
            // Without redrawing, of every four numbers in a row the one that two products lead to comes twice as often.
            counts[value % 3]++;
        }

        Assert.That(next, Is.EqualTo((ulong)(draws / 0.75)).Within(1500UL));
        Assert.That(ChiSquare(counts, draws / 3.0), Is.LessThan(2 + 5 * Math.Sqrt(4)));
    }

    private static double ChiSquare(int[] counts, double expected) =>
        counts.Sum(count => (count - expected) * (count - expected) / expected);
}
