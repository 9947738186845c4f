using NUnit.Framework;

namespace CudaBn.Tests.Core;

public class ShapeTests
{
    [Test]
    public void Sizes_AreThoseGiven()
    {
        Shape shape = [256, 1, 28, 27];
        Assert.That(shape.Rank, Is.EqualTo(4));
        Assert.That(shape.ElementCount, Is.EqualTo(256L * 28 * 27));
        Assert.That(shape.Sizes.ToArray(), Is.EqualTo(new[] { 256, 1, 28, 27 }));
        Assert.That(shape[0], Is.EqualTo(256));
        Assert.That(shape[3], Is.EqualTo(27));
        Assert.That(shape.ToString(), Is.EqualTo("[256, 1, 28, 27]"));
    }

    [TestCase(-1)]
    [TestCase(2)]
    public void Indexer_NoSuchAxis_Throws(int axis) =>
        Assert.That(() => new Shape(3, 4)[axis], Throws.TypeOf<IndexOutOfRangeException>());

    [Test]
    public void Constructor_CopiesTheSizes()
    {
        int[] sizes = [2, 3];
        var shape = new Shape(sizes);
        sizes[0] = 7;
        Assert.That(shape, Is.EqualTo(new Shape(2, 3)));
    }

    [TestCase(new[] { 2, 0, 3 }, "Size 1 of shape [2, 0, 3]")]
    [TestCase(new[] { -7 }, "Size 0 of shape [-7]")]
    [TestCase(new[] { 1, 1, int.MinValue }, "Size 2 of shape [1, 1, -2147483648]")]
    public void Constructor_SizeNotPositive_NamesAxisAndShape(int[] sizes, string part) =>
        ErrorAssert.Throws<ArgumentOutOfRangeException>(() => _ = new Shape(sizes), part);

    [Test]
    public void Constructor_TooManyElements_NamesTheShape()
    {
        var limit = new Shape(int.MaxValue, int.MaxValue, 2);
        Assert.That(limit.ElementCount, Is.EqualTo(2L * int.MaxValue * int.MaxValue));
        ErrorAssert.Throws<OverflowException>(
            () => _ = new Shape(int.MaxValue, int.MaxValue, 3), "[2147483647, 2147483647, 3]", "9223372036854775807");
        ErrorAssert.Throws<OverflowException>(
            () => _ = new Shape(65536, 65536, 65536, 65536), "[65536, 65536, 65536, 65536]");
    }

    [Test]
    public void Default_IsNoShapeOfATensor()
    {
        var nothing = default(Shape);
        Shape scalar = [];
        Assert.That(nothing.Rank, Is.Zero);
        Assert.That(nothing.ElementCount, Is.Zero);
        Assert.That(nothing.ToString(), Is.EqualTo("[]"));
        Assert.That(nothing.GetHashCode(), Is.EqualTo(default(Shape).GetHashCode()));
        Assert.That(scalar.ElementCount, Is.EqualTo(1));
        Assert.That(nothing == scalar, Is.False);
        Assert.That(nothing, Is.EqualTo(default(Shape)));
    }

    [Test]
    public void Equality_GoesSizeBySize()
    {
        Shape shape = [2, 3];
        Shape[] others = [[3, 2], [2, 3, 1], [2], [6], [1, 2, 3]];
        Assert.That(shape == [2, 3], Is.True);
        Assert.That(shape != [2, 3], Is.False);
        Assert.That(shape.Equals((object)new Shape(2, 3)), Is.True);
        Assert.That(shape.Equals("[2, 3]"), Is.False);
        Assert.That(shape.GetHashCode(), Is.EqualTo(new Shape(2, 3).GetHashCode()));
        foreach (var other in others)
        {
            Assert.That(shape == other, Is.False, other.ToString());
            Assert.That(shape != other, Is.True, other.ToString());
        }
    }

    [Test]
    public void Enumeration_GivesTheSizesInOrder()
    {
        Shape shape = [5, 4, 3];
        List<int> seen = [];
        foreach (var size in shape)
            seen.Add(size);
        Assert.That(seen, Is.EqualTo(new[] { 5, 4, 3 }));
        Assert.That(((IReadOnlyList<int>)shape).Count, Is.EqualTo(3));
        Assert.That(((IEnumerable<int>)shape).ToArray(), Is.EqualTo(seen));
        Assert.That(((IEnumerable<int>)default(Shape)).ToArray(), Is.Empty);
    }

    [Test]
    public void Size2d_StandsForBothSizesOrOne()
    {
        Size2d square = 3, oblong = (2, 5);
        Assert.That(square, Is.EqualTo(new Size2d(3, 3)));
        Assert.That(oblong, Is.EqualTo(new Size2d(2, 5)));
        Assert.That(oblong.ToString(), Is.EqualTo("2x5"));
    }
}
