using CudaBn.Backends.Cpu;
using CudaBn.Backends.OpArgs;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cpu;

[TestFixture(1, 1, 1)]
[TestFixture(5, 3, 7)]
[TestFixture(256, 20, 1)]
[TestFixture(1, 3, 16384)]
[TestFixture(1, 3, 16385)]
[TestFixture(3, 2, 20_000)]
[TestFixture(40_000, 2, 1)]
[TestFixture(129, 4, 509)]
[TestFixture(9, 300, 49)]
[TestFixture(2, 1, 100_001)]
public class ChannelSlicesTests(int batch, int channels, long spatial)
{
    private readonly BatchNormGeometry _geometry = new(batch, channels, spatial);

    private long Elements => batch * channels * spatial;

    [Test]
    public void Blocks_OfAllGroups_CoverEveryValueOnce(
        [Values(1, 30_000, long.MaxValue)] long most, [Values(2, 32)] int lanes)
    {
        var channelOf = Enumerable.Repeat(-1, checked((int)Elements)).ToArray();
        foreach (var (first, count) in new ChannelGroups(_geometry, most))
        {
            Assert.That(count == 1 || count * batch * spatial <= most, Is.True);
            var slices = new ChannelSlices(_geometry, first, count, lanes);
            var seen = new HashSet<int>();
            for (var i = 0; i < slices.BlockCount; i++)
            {
                var block = slices.BlockAt(i);
                for (var channel = 0; channel < block.Channels; channel++)
                {
                    var slice = block.Slice(channel);
                    Assert.That(seen.Add(slice), Is.True, $"slice {slice} is in two blocks");
                    Assert.That(slice / slices.PerChannel, Is.EqualTo(block.FirstChannel + channel - first));
                    long length = 0, last = -1;
                    var runs = block.Runs();
                    while (runs.MoveNext())
                    {
                        var offset = runs.Offset + channel * spatial;
                        if (offset <= last)
                            Assert.Fail($"the run at {offset} comes after value {last}");
                        if (runs.Length < 1 || runs.Length > spatial)
                            Assert.Fail($"a run of {runs.Length}");
                        for (var value = offset; value < offset + runs.Length; value++)
                        {
                            if (channelOf[value] != -1)
                                Assert.Fail($"value {value} is in two runs");
                            channelOf[value] = block.FirstChannel + channel;
                        }

                        last = offset + runs.Length - 1;
                        length += runs.Length;
                    }

                    Assert.That(length, Is.EqualTo(block.Length));
                    Assert.That(length, Is.InRange(1, Math.Min(4096, lanes * 512)));
                }
            }

            Assert.That(seen, Has.Count.EqualTo(slices.Count));
        }

        for (var i = 0; i < channelOf.Length; i++)
        {
            if (channelOf[i] != i / spatial % channels)
                Assert.Fail($"value {i} is in channel {channelOf[i]}");
        }
    }

    // Sums are merged slice by slice: where their cut moved with the grouping, so would the last bits.
    [Test]
    public void Slices_OfAnyGroup_AreCutAlike()
    {
        var all = new ChannelSlices(_geometry, 0, channels, lanes: 32);
        var one = new ChannelSlices(_geometry, channels - 1, 1, lanes: 32);
        Assert.That(one.PerChannel, Is.EqualTo(all.PerChannel));
        Assert.That(one.BlockAt(0).Length, Is.EqualTo(all.BlockAt(0).Length));
    }

    [Test]
    public void Planes_OfAllGroups_CoverEveryValueOnce([Values] bool wholePlanes, [Values(1, 30_000, long.MaxValue)] long most)
    {
        var channelOf = Enumerable.Repeat(-1, checked((int)Elements)).ToArray();
        foreach (var (first, count) in new ChannelGroups(_geometry, most))
        {
            var planes = new ChannelPlanes(_geometry, first, count, wholePlanes);
            for (var chunk = 0; chunk < planes.Count; chunk++)
            {
                var parts = planes.Planes(chunk);
                var follower = -1L;
                while (parts.MoveNext())
                {
                    if (follower >= 0 && parts.Plane != follower)
                        Assert.Fail($"plane {parts.Plane} follows, not {follower}");
                    follower = parts.IsFollowed ? parts.Plane + 1 : -1;
                    if (parts.Channel < first || parts.Channel >= first + count || parts.Plane != parts.Offset / spatial)
                        Assert.Fail($"plane {parts.Plane} of channel {parts.Channel} at {parts.Offset}");
                    if (wholePlanes ? parts.Length != spatial : parts.Length < 1 || parts.Length > spatial)
                        Assert.Fail($"a part of {parts.Length}");
                    for (var i = parts.Offset; i < parts.Offset + parts.Length; i++)
                    {
                        if (channelOf[i] != -1)
                            Assert.Fail($"value {i} is in two parts");
                        channelOf[i] = parts.Channel;
                    }
                }

                Assert.That(follower, Is.EqualTo(-1), "the last plane of a chunk has no follower");
            }
        }

        for (var i = 0; i < channelOf.Length; i++)
        {
            if (channelOf[i] != i / spatial % channels)
                Assert.Fail($"value {i} is in channel {channelOf[i]}");
        }
    }
}

/// <summary>Planes that no index of 32 bits reaches the end of.</summary>
public class LargeChannelSlicesTests
{
    [TestCase(3L << 30, 2, 1)]
    [TestCase(3, 2, 1L << 31)]
    [TestCase(1, 1, 5L << 30)]
    [TestCase(70_000, 2, 50_000)]
    public void BlocksAndPlanes_BeyondAnIndexOf32Bits_EndWithTheLastElement(long batch, int channels, long spatial)
    {
        var geometry = new BatchNormGeometry(batch, channels, spatial);
        var last = batch * channels * spatial;
        var slices = new ChannelSlices(geometry, channels - 1, 1, lanes: 32);
        var runs = slices.BlockAt(slices.BlockCount - 1).Runs();
        long end = 0;
        while (runs.MoveNext())
            end = runs.Offset + runs.Length;
        Assert.That(end, Is.EqualTo(last));

        var planes = new ChannelPlanes(geometry, channels - 1, 1);
        // The last come first.
        var parts = planes.Planes(0);
        while (parts.MoveNext())
            end = parts.Offset + parts.Length;
        Assert.That(end, Is.EqualTo(last));
    }
}
