using System.Numerics;
using System.Runtime.Intrinsics;
using CudaBn.Backends.Cpu;
using CudaBn.Backends.Cpu.Simd;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cpu;

[TestFixture(TypeArgs = [typeof(SimdScalar<float>), typeof(float), typeof(float)])]
[TestFixture(TypeArgs = [typeof(SimdScalar<double>), typeof(double), typeof(double)])]
[TestFixture(TypeArgs = [typeof(Simd256<float>), typeof(Vector256<float>), typeof(float)])]
[TestFixture(TypeArgs = [typeof(Simd256<double>), typeof(Vector256<double>), typeof(double)])]
[TestFixture(TypeArgs = [typeof(Simd512<float>), typeof(Vector512<float>), typeof(float)])]
[TestFixture(TypeArgs = [typeof(Simd512<double>), typeof(Vector512<double>), typeof(double)])]
internal sealed unsafe class ImageBlocksTests<TSimd, TVector, T>
    where TSimd : struct, ISimd<TVector, T>
    where TVector : unmanaged
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private static int Lanes => ImageBlocks<TSimd, TVector, T>.Lanes;

    private static IEnumerable<(int Count, int Elements, int Step)> Cases() =>
        from count in Enumerable.Range(1, Lanes)
        from elements in new[] { 1, 2, TSimd.Count - 1, TSimd.Count, TSimd.Count + 1, 3 * TSimd.Count + 5, 49 }.Distinct()
        where elements > 0
        from gap in new[] { 0, 3 }
        select (count, elements, elements + gap);

    [Test]
    public void Interleave_PutsEveryImageIntoItsLane()
    {
        foreach (var (count, elements, step) in Cases())
        {
            var images = Images(count * step);
            var block = Enumerable.Repeat(T.NaN, elements * Lanes + 1).ToArray();
            fixed (T* i = images, b = block)
                ImageBlocks<TSimd, TVector, T>.Interleave(i, step, count, b, elements);
            for (var q = 0; q < elements; q++)
            {
                for (var lane = 0; lane < Lanes; lane++)
                {
                    var expected = lane < count ? images[lane * step + q] : T.Zero;
                    if (block[q * Lanes + lane] != expected)
                        Assert.Fail($"{count} images of {elements}: element {q} of lane {lane}");
                }
            }

            Assert.That(block[^1], Is.EqualTo(T.NaN), "written past the block");
        }
    }

    [Test]
    public void Deinterleave_GivesTheImagesBackAndLeavesTheGaps()
    {
        foreach (var (count, elements, step) in Cases())
        {
            var images = Images(count * step);
            var block = new T[elements * Lanes];
            var back = Enumerable.Repeat(T.NegativeOne, images.Length + 1).ToArray();
            fixed (T* i = images, b = block, r = back)
            {
                ImageBlocks<TSimd, TVector, T>.Interleave(i, step, count, b, elements);
                ImageBlocks<TSimd, TVector, T>.Deinterleave(b, r, step, count, elements);
            }

            for (var i = 0; i < back.Length; i++)
            {
                var expected = i < images.Length && i % step < elements ? images[i] : T.NegativeOne;
                if (back[i] != expected)
                    Assert.Fail($"{count} images of {elements}, {step} apart: place {i}");
            }
        }
    }

    private static T[] Images(int length) =>
        [.. Enumerable.Range(0, length).Select(i => T.CreateChecked(i % 4001 + 1))];
}
