using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

/// <summary>Convolutions of every rank, at random.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class ConvTests(TestBackend backend, DType dtype) : ConvFixture(backend, dtype)
{
    /// <summary>Convolutions whose kernel fits the padded input.</summary>
    private static Arbitrary<ConvCase> RandomCases => Arb.From(Gen.OneOf(
        from channels in RandomChannels(max: 7)
        from batch in Gen.Choose(1, 18)
        from axis in RandomAxis(30)
        from bias in Gen.Elements(true, false)
        select ConvCase.Signal(batch, channels.In, channels.Out, axis, bias, channels.Groups),
        from channels in RandomChannels(max: 6)
        from batch in Gen.Choose(1, 18)
        from rows in RandomAxis(6)
        from columns in RandomAxis(6)
        from bias in Gen.Elements(true, false)
        select ConvCase.Image(batch, channels.In, channels.Out, rows, columns, bias, channels.Groups),
        // Images so large that pixels fill registers.
        from channels in RandomChannels(max: 3)
        from batch in Gen.Choose(1, 2)
        from rows in RandomAxis(8)
        from columns in RandomAxis(25)
        from bias in Gen.Elements(true, false)
        select ConvCase.Image(batch, channels.In, channels.Out, rows, columns, bias, channels.Groups),
        from channels in RandomChannels(max: 4)
        from batch in Gen.Choose(1, 2)
        from slices in RandomAxis(4)
        from rows in RandomAxis(5)
        from columns in RandomAxis(6)
        from bias in Gen.Elements(true, false)
        select ConvCase.Volume(batch, channels.In, channels.Out, slices, rows, columns, bias, channels.Groups)));

    [FsCheck.NUnit.Property(MaxTest = 260)]
    public Property ForwardAndBackward_RandomGeometry_AreWithinRounding() =>
        Prop.ForAll(RandomCases, c => CheckNormalNumbers(c, seed: 7));

    private static Gen<(int In, int Out, int Groups)> RandomChannels(int max) =>
        from groups in Gen.Elements(1, 1, 2, 3, 5)
        from inChannels in Gen.Elements(1, Math.Max(1, max / groups))
        from outChannels in Gen.Choose(1, Math.Max(2, max / groups))
        select (groups * inChannels, groups * outChannels, groups);

    private static Gen<ReferenceAxis> RandomAxis(int maxSize) =>
        from size in Gen.Choose(1, maxSize)
        from begin in Gen.Choose(0, 3)
        from end in Gen.Choose(0, 3)
        from dilation in Gen.Elements(1, 1, 2, 3)
        from kernel in Gen.Choose(1, Math.Min(5, (size + begin + end - 1) / dilation + 1))
        from stride in Gen.Elements(1, 1, 2, 3, 4)
        select new ReferenceAxis(size, kernel, stride, begin, end, dilation);
}
