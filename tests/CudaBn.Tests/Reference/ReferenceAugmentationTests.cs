using NUnit.Framework;

namespace CudaBn.Tests.Reference;

public class ReferenceAugmentationTests
{
    private static readonly byte[] _image = [10, 20, 30, 40, 50, 60];

    [TestCase(1, 1, false, new double[] { 10, 20, 30, 40, 50, 60 })]
    [TestCase(1, 1, true, new double[] { 30, 20, 10, 60, 50, 40 })]
    [TestCase(0, 1, false, new double[] { 0, 0, 0, 10, 20, 30 })]
    [TestCase(2, 1, false, new double[] { 40, 50, 60, 0, 0, 0 })]
    [TestCase(1, 0, false, new double[] { 0, 10, 20, 0, 40, 50 })]
    [TestCase(1, 2, false, new double[] { 20, 30, 0, 50, 60, 0 })]
    [TestCase(2, 2, true, new double[] { 0, 60, 50, 0, 0, 0 })]
    public void Apply_TwoByThree_PaddedByOne(int row, int column, bool isFlipped, double[] expected) =>
        Assert.That(
            ReferenceAugmentation.Apply(_image, 1, 2, 3, 1, (row, column, isFlipped), 1, null, null),
            Is.EqualTo(expected));

    [Test]
    public void Apply_Normalized_PaddingIsNormalizedToo() =>
        Assert.That(
            ReferenceAugmentation.Apply([2, 4, 6, 8], 2, 1, 2, 1, (1, 0, false), 2, [1, 3], [4, 0.5]),
            Is.EqualTo(new[] { -0.25, 0, -6, 0 }));
}
