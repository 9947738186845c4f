using CudaBn.Cli;
using CudaBn.Tests.Data;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

public class CoveringResizeTests
{
    [Test]
    public void Run_SameSize_CopiesEveryByte()
    {
        var source = IdxBytes.Random(1, 7 * 5);
        Assert.That(Resize(source, 7, 5, (7, 5)), Is.EqualTo(source));
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(128)]
    [TestCase(255)]
    public void Run_OneColor_StaysIt(int level)
    {
        var source = Enumerable.Repeat((byte)level, 37 * 53).ToArray();
        foreach (var size in new Size2d[] { (5, 9), (64, 31), (1, 1), (100, 100) })
            Assert.That(Resize(source, 37, 53, size), Is.All.EqualTo((byte)level), $"{size}");
    }

    [Test]
    public void Run_WiderThanHigh_TakesTheMiddle()
    {
        // Columns 0 to 5 hold their number; of 2 x 6, the middle 2 x 2 is left.
        byte[] source = [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5];
        Assert.That(Resize(source, 2, 6, 2), Is.EqualTo(new byte[] { 2, 3, 2, 3 }));
    }

    [Test]
    public void Run_ToHalf_WeighsThePixelsAround()
    {
        // A triangle of half width 2 around the edge between 2 pixels: weights 1, 3, 3, 1, over 8.
        byte[] source = [0, 80, 160, 240, 0, 80, 160, 240];
        Assert.That(Resize([.. source, .. source], 4, 4, 2), Is.EqualTo(new byte[]
        {
            // 3, 3, 1 of 7 at the edge.
            (byte)Math.Round((80 * 3 + 160) / 7.0), (byte)Math.Round((80 + 160 * 3 + 240 * 3) / 7.0),
            (byte)Math.Round((80 * 3 + 160) / 7.0), (byte)Math.Round((80 + 160 * 3 + 240 * 3) / 7.0),
        }));
    }

    [FsCheck.NUnit.Property(MaxTest = 300)]
    public Property Run_RandomSizes_EqualsTheSumOverTheWholeImage() => Prop.ForAll(
        Arb.From(
            from height in Gen.Choose(1, 20)
            from width in Gen.Choose(1, 20)
            from toHeight in Gen.Choose(1, 20)
            from toWidth in Gen.Choose(1, 20)
            from seed in Gen.Choose(0, 1000)
            select (height, width, toHeight, toWidth, seed)),
        c =>
        {
            var source = IdxBytes.Random(c.seed, c.height * c.width);
            var actual = Resize(source, c.height, c.width, (c.toHeight, c.toWidth));
            var expected = Naive(source, c.height, c.width, c.toHeight, c.toWidth);
            for (var i = 0; i < actual.Length; i++)
                // Rounded once, from a sum that is off by a few roundings of double.
                Assert.That((double)actual[i], Is.EqualTo(expected[i]).Within(0.5 + 1e-9), $"{c}, pixel {i}");
        });

    /// <summary>Every pixel of the result as a mean of all pixels of the source, weighted by the distance of the
    /// centers.</summary>
    private static double[] Naive(byte[] source, int height, int width, int toHeight, int toWidth)
    {
        var scale = Math.Min((double)height / toHeight, (double)width / toWidth);
        var reach = Math.Max(1, scale);
        var result = new double[toHeight * toWidth];
        for (var row = 0; row < toHeight; row++)
        for (var column = 0; column < toWidth; column++)
        {
            var y = height / 2.0 + (row + 0.5 - toHeight / 2.0) * scale;
            var x = width / 2.0 + (column + 0.5 - toWidth / 2.0) * scale;
            var (sum, total) = (0.0, 0.0);
            for (var i = 0; i < source.Length; i++)
            {
                var weight = Math.Max(0, 1 - Math.Abs(i / width + 0.5 - y) / reach)
                    * Math.Max(0, 1 - Math.Abs(i % width + 0.5 - x) / reach);
                sum += weight * source[i];
                total += weight;
            }

            result[row * toWidth + column] = sum / total;
        }

        return result;
    }

    private static byte[] Resize(byte[] source, int height, int width, Size2d size)
    {
        var result = new byte[size.Height * size.Width];
        CoveringResize.Run(source, height, width, result, size);
        return result;
    }
}
