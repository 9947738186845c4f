using CudaBn.Backends.Cpu;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cpu;

public class RowTilesTests
{
    [TestCase(6)]
    [TestCase(12)]
    public void Tiles_CoverEveryRowOnce(int maxRows)
    {
        for (var rows = 1; rows <= 200; rows++)
        {
            var tiles = new RowTiles(rows, maxRows);
            Assert.That(tiles.Rows, Is.EqualTo(rows));
            Assert.That(tiles.PaddedRows, Is.EqualTo(rows + rows % 2));
            var sizes = Enumerable.Range(0, tiles.Count).Select(tiles.Size).ToArray();
            var next = 0;
            for (var tile = 0; tile < tiles.Count; tile++)
            {
                Assert.That(tiles.Start(tile), Is.EqualTo(next), $"{rows} rows, tile {tile}");
                next += sizes[tile];
            }

            Assert.That(next, Is.EqualTo(tiles.PaddedRows), $"{rows} rows");
            Assert.That(sizes, Is.All.InRange(2, maxRows), $"{rows} rows");
            Assert.That(sizes.Any(size => size % 2 != 0), Is.False, $"{rows} rows");
            Assert.That(sizes.Max() - sizes.Min(), Is.LessThanOrEqualTo(2), $"{rows} rows: as equal as may be");
            Assert.That(tiles.Count, Is.EqualTo((tiles.PaddedRows + maxRows - 1) / maxRows), $"{rows} rows: no tile more");
        }
    }

    [Test]
    public void Tiles_OfFiftyAndSixtyFourRows()
    {
        var fifty = new RowTiles(50, 12);
        Assert.That(Enumerable.Range(0, fifty.Count).Select(fifty.Size), Is.EqualTo(new[] { 10, 10, 10, 10, 10 }));
        var sixtyFour = new RowTiles(64, 12);
        Assert.That(
            Enumerable.Range(0, sixtyFour.Count).Select(sixtyFour.Size), Is.EqualTo(new[] { 12, 12, 10, 10, 10, 10 }));
    }
}
