using CudaBn.Backends.Cpu;
using CudaBn.Tests.Layers;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cpu;

/// <summary>Volumes whose slices, and images whose windows, are unfolded in several blocks.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixture]
public class UnfoldedConvTests()
    : ConvFixture(new TestBackend("Cpu", () => new CpuBackend(threads: 2).Device), DType.Float32)
{
    private static IEnumerable<ConvCase> Cases() =>
    [
        // Blocks of four slices, of five of a volume: they end within volumes, and hold parts of two.
        ConvCase.Volume(2, 8, 2, new(5, 3, 1, 1, 1), new(200, 1), new(200, 1), bias: true),
        // A slice alone is more than a block; the output has one slice.
        ConvCase.Volume(2, 4, 1, new(3, 3), new(600, 1, 3), new(600, 1, 3), bias: true),
        // Blocks of 51 images.
        ConvCase.Image(65, 3, 64, new(40, 16, 3), new(40, 16, 3), bias: true),
        // Bands of 53 rows of windows, of which two see the same row of the input.
        ConvCase.Image(1, 4, 4, new(360, 9, 3, 2, 1), new(250, 9, 1), bias: true),
    ];

    [TestCaseSource(nameof(Cases))]
    public void ForwardAndBackward_SmallIntegers_AreExact(ConvCase c) => CheckSmallIntegers(c);
}
