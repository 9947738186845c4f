using CudaBn.Backends.Cuda;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

public class SizeClassesTests
{
    [Test]
    public void Size_OfItsOwnClass_AndOneByteMoreIsTheNext()
    {
        for (var i = 0; i < SizeClasses.Count; i++)
        {
            var size = SizeClasses.Size(i);
            Assert.That(SizeClasses.Of(size), Is.EqualTo(i));
            if (i < SizeClasses.Count - 1)
                Assert.That(SizeClasses.Of(size + 1), Is.EqualTo(i + 1));
        }

        Assert.That(SizeClasses.Of(1), Is.Zero);
        Assert.That(SizeClasses.Size(SizeClasses.Count - 1), Is.EqualTo(SizeClasses.Largest));
    }

    [Test]
    public void Size_WastesAtMostAnEighthAbove4KiB()
    {
        var random = new Random(1);
        for (var i = 0; i < 10_000; i++)
        {
            var bytes = 1 + (long)Math.Pow(2, random.NextDouble() * 47);
            var size = SizeClasses.Size(SizeClasses.Of(bytes));
            Assert.That(size, Is.GreaterThanOrEqualTo(bytes));
            Assert.That(size % 512, Is.Zero);
            Assert.That(size - bytes, Is.LessThan(Math.Max(512, bytes / 8.0 + 1)), $"{bytes} bytes");
        }
    }
}
