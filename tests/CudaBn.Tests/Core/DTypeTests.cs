using NUnit.Framework;

namespace CudaBn.Tests.Core;

public class DTypeTests
{
    [TestCase(DType.Float32, 4, true)]
    [TestCase(DType.Float64, 8, true)]
    [TestCase(DType.UInt8, 1, false)]
    [TestCase(DType.Int32, 4, false)]
    [TestCase(DType.Int64, 8, false)]
    public void SizeAndKind_AreThoseOfTheDotNetType(DType dtype, int size, bool real)
    {
        Assert.That(dtype.Size(), Is.EqualTo(size));
        Assert.That(dtype.IsReal(), Is.EqualTo(real));
    }

    [Test]
    public void Of_EveryDotNetType_IsItsElementType()
    {
        Assert.That(DTypes.Of<float>(), Is.EqualTo(DType.Float32));
        Assert.That(DTypes.Of<double>(), Is.EqualTo(DType.Float64));
        Assert.That(DTypes.Of<byte>(), Is.EqualTo(DType.UInt8));
        Assert.That(DTypes.Of<int>(), Is.EqualTo(DType.Int32));
        Assert.That(DTypes.Of<long>(), Is.EqualTo(DType.Int64));
    }

    [Test]
    public void Of_TypeNoTensorHolds_NamesIt()
    {
        ErrorAssert.Throws<ArgumentException>(() => DTypes.Of<short>(), "System.Int16");
        ErrorAssert.Throws<ArgumentException>(() => DTypes.Of<Half>(), "System.Half");
        ErrorAssert.Throws<ArgumentException>(() => DTypes.Of<uint>(), "System.UInt32");
    }

    [Test]
    public void Size_NoElementType_NamesTheValue()
    {
        ErrorAssert.Throws<ArgumentOutOfRangeException>(() => ((DType)9).Size(), "9 is no element type");
        Assert.That(((DType)9).IsReal(), Is.False);
    }
}
