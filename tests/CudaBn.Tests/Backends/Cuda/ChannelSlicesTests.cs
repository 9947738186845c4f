using CudaBn.Backends.Cuda;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

/// <summary>How channels are shared out among the blocks of a GPU.</summary>
public class ChannelSlicesTests
{
    private const int VisitsAtOnce = 4;

    // As many blocks as an H100 is given.
    private const int Wanted = 4 * 132;

    [TestCase(256, 20, 576, 4)]
    [TestCase(256, 50, 100, 4)]
    [TestCase(128, 16, 784, 4)]
    [TestCase(64, 64, 3136, 4)]
    [TestCase(1, 1, 1031, 1)]
    [TestCase(3, 5, 8, 4)]
    [TestCase(1000, 300, 49, 1)]
    [TestCase(2, 4097, 4096, 4)]
    public void Slices_HoldEveryVisit_InRoundsThatAreNearlyFull(int n, int c, int s, int pack)
    {
        var slices = ChannelSlices.Of(n, c, s, pack, Wanted);

        long visits = (long)n * (s / pack);
        Assert.That(slices.Slices * slices.VisitsPerSlice, Is.GreaterThanOrEqualTo(visits));
        Assert.That((slices.Slices - 1) * slices.VisitsPerSlice, Is.LessThan(visits), "the last slice has some");
        var round = VisitsAtOnce * ChannelSlices.Threads;
        var rounds = (slices.VisitsPerSlice + round - 1) / round;
        Assert.That(
            slices.Slices, Is.LessThanOrEqualTo((visits + rounds * round - 1) / (rounds * round)),
            "no more slices than the rounds of each call for");
    }

    [TestCase(256, 20, 576)]
    [TestCase(256, 50, 100)]
    [TestCase(128, 16, 784)]
    [TestCase(64, 64, 3136)]
    [TestCase(1000, 300, 52)]
    public void Blocks_AreAboutAsManyAsWanted(int n, int c, int s) =>
        Assert.That(
            ChannelSlices.Of(n, c, s, pack: 4, Wanted).Blocks(c, s), Is.InRange(2 * Wanted / 3, 3 * Wanted / 2));

    [Test]
    public void Channels_AsManyAsWantedBlocks_HaveOneSliceEach() =>
        Assert.That(ChannelSlices.Of(1000, Wanted, 784, pack: 4, Wanted).Slices, Is.EqualTo(1));
}
