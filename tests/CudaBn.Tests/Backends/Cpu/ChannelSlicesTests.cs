using CudaBn.Backends.Cpu;
using CudaBn.Backends.OpArgs;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cpu;

public class ChannelSlicesTests
{
    [TestCase(1, 1, 1)]
    [TestCase(5, 3, 7)]
    [TestCase(256, 20, 1)]
    [TestCase(1, 3, 16384)]
    [TestCase(1, 3, 16385)]
    [TestCase(3, 2, 20_000)]
    [TestCase(40_000, 2, 1)]
    [TestCase(129, 4, 509)]
    [TestCase(2, 1, 100_001)]
    public void Runs_CoverEveryValueOfTheChannelOnce(int batch, int channels, long spatial)
    {
        var geometry = new BatchNormGeometry(batch, channels, spatial);
        var slices = new ChannelSlices(geometry);
        var channelOf = Enumerable.Repeat(-1, checked((int)(batch * channels * spatial))).ToArray();
        Assert.That(slices.Count, Is.EqualTo(channels * slices.PerChannel));
        for (var slice = 0; slice < slices.Count; slice++)
        {
            long length = 0, last = -1;
            var runs = slices.Runs(slice);
            while (runs.MoveNext())
            {
                Assert.That(runs.Length, Is.InRange(1, spatial));
                Assert.That(runs.Offset, Is.GreaterThan(last), "runs in order");
                for (var i = runs.Offset; i < runs.Offset + runs.Length; i++)
                {
                    Assert.That(channelOf[i], Is.EqualTo(-1), $"value {i} is in two runs");
                    channelOf[i] = slices.Channel(slice);
                }

                last = runs.Offset + runs.Length - 1;
                length += runs.Length;
            }

            Assert.That(length, Is.InRange(1, 16 * 1024));
        }

        for (var i = 0; i < channelOf.Length; i++)
        {
            if (channelOf[i] != i / spatial % channels)
                Assert.Fail($"value {i} is in channel {channelOf[i]}");
        }
    }
}
