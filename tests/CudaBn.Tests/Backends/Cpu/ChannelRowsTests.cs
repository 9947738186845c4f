using CudaBn.Backends.Cpu;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cpu;

public class ChannelRowsTests
{
    [TestCase(1, 2)]
    [TestCase(2, 255)]
    [TestCase(300, 3)]
    [TestCase(129, 256)]
    [TestCase(128, 257)]
    [TestCase(127, 513)]
    [TestCase(2, 5000)]
    [TestCase(70_000, 5)]
    public void Chunks_TakeEveryElementOnce(int batch, int channels)
    {
        var rows = new ChannelRows(new(batch, channels, 1));
        var taken = new bool[(long)batch * channels];
        for (var index = 0; index < rows.Count; index++)
        {
            var chunk = rows.At(index);
            for (var row = 0L; row <= chunk.Rows; row++)
            {
                var columns = row < chunk.Rows ? chunk.Columns : chunk.LastColumns;
                var first = (chunk.FirstRow + row) * rows.Columns + chunk.Column;
                for (var i = first; i < first + columns; i++)
                {
                    if (taken[i])
                        Assert.Fail($"element {i} is in two chunks");
                    taken[i] = true;
                }
            }
        }

        Assert.That(taken, Is.All.True);
    }

    [TestCase(3L << 30, 2)]
    [TestCase((1L << 31) + 5, 3)]
    [TestCase(3, 1 << 30)]
    public void Chunks_BeyondAnIndexOf32Bits_EndWithTheLastElement(long batch, int channels)
    {
        var rows = new ChannelRows(new(batch, channels, 1));
        var chunk = rows.At(rows.Count - 1);
        var end = (chunk.FirstRow + chunk.Rows) * rows.Columns + chunk.Column
            + (chunk.LastColumns > 0 ? chunk.LastColumns : chunk.Columns - rows.Columns);
        Assert.That(end, Is.EqualTo(batch * channels));
    }

    [TestCase(2)]
    [TestCase(255)]
    [TestCase(256)]
    [TestCase(700)]
    public void Columns_AreOfWholeRows_AndFitTheirRoom(int channels)
    {
        var rows = new ChannelRows(new(1000, channels, 1));
        Assert.That(rows.Columns, Is.EqualTo(rows.Copies * channels).And.AtLeast(256).And.AtMost(rows.Padded));
        var next = 0;
        for (var part = 0; part < rows.ChannelParts; part++)
        {
            var (first, end) = rows.ChannelsOf(part);
            Assert.That(first, Is.EqualTo(next));
            next = end;
        }

        Assert.That(next, Is.EqualTo(channels));
    }
}
