using CudaBn.Backends.Cuda;
using CudaBn.Backends.OpArgs;
using CudaBn.Tests.Layers;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

/// <summary>The kernels of convolution whose windows are known when they are compiled, on sizes around the edges of strips and
/// blocks. The numbers are small integers, whose sums are exact, so that nothing is forgiven.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.CudaInEveryType))]
public class ConvWindowsKernelTests(TestBackend backend, DType dtype) : ConvKernelFixture(backend, dtype)
{
    private const int Lanes = 32;

    private static readonly int[] Strips = [4];
    private static readonly int[] AllStrips = [4, 2, 1];

    private static IEnumerable<TestCaseData> Cases() =>
    [
        // Depthwise: 1, 3, 4, 5, 7, 8 and 9 rows; several images in a block, and an image in several blocks.
        Case(new(1, 2, 1, 1, 2, 3, 1, 1, false), groups: 2, AllStrips),
        Case(new(3, 3, 3, 5, 3, 3, 1, 1, true), groups: 3, AllStrips),
        Case(new(9, 2, 4, 7, 2, 3, 1, 1, true), groups: 2, Strips),
        Case(new(2, 5, 7, 9, 5, 3, 1, 1, true), groups: 5, AllStrips),
        Case(new(1, 2, 9, 65, 2, 3, 1, 1, false), groups: 2, Strips),
        Case(new(2, 2, 5, 6, 2, 3, 1, 0, true), groups: 2, Strips),
        Case(new(2, 2, 8, 3, 2, 3, 1, 1, true), groups: 2, Strips),
        // Steps of two: odd and even sizes, paddings, and numbers of strips.
        Case(new(2, 3, 9, 11, 3, 3, 2, 1, true), groups: 3, AllStrips),
        Case(new(2, 3, 8, 10, 3, 3, 2, 1, true), groups: 3, Strips),
        Case(new(2, 3, 9, 11, 3, 3, 2, 0, false), groups: 3, AllStrips),
        Case(new(2, 3, 8, 10, 3, 3, 2, 2, true), groups: 3, Strips),
        Case(new(2, 3, 9, 8, 3, 3, (1, 2), (1, 1), true), groups: 3, AllStrips),
        Case(new(2, 3, 9, 8, 3, 3, (2, 1), (1, 1), true), groups: 3, AllStrips),
        Case(new(2, 3, 21, 19, 3, 3, 2, new Padding2d(0, 1, 0, 1), true), groups: 3, Strips),
        // Kernels of one place, of which strides leave inputs out, with padding and without.
        Case(new(2, 3, 5, 6, 3, 1, 1, 0, true), groups: 3, Strips),
        Case(new(2, 3, 5, 6, 3, 1, 2, 0, true), groups: 3, AllStrips),
        Case(new(2, 3, 5, 6, 3, 1, 2, 1, true), groups: 3, AllStrips),
        Case(new(2, 3, 5, 6, 3, (2, 1), (2, 2), (3, 1), true), groups: 3, Strips),
        // Other kernels, even ones among them, and rows and columns alone.
        Case(new(2, 2, 11, 13, 2, 5, 1, 2, true), groups: 2, Strips),
        Case(new(2, 2, 11, 13, 2, 5, 2, 2, true), groups: 2, Strips),
        Case(new(2, 2, 9, 7, 2, (3, 2), 1, (1, 1), true), groups: 2, Strips),
        Case(new(2, 2, 10, 7, 2, (4, 2), (2, 1), (1, 0), false), groups: 2, Strips),
        Case(new(2, 2, 3, 19, 2, (1, 7), (1, 2), (0, 3), true), groups: 2, AllStrips),
        Case(new(2, 2, 19, 3, 2, (7, 1), (2, 1), (3, 0), true), groups: 2, Strips),
        // Padding that differs from side to side; windows that lie in it altogether.
        Case(new(2, 2, 7, 6, 2, 3, 1, new Padding2d(0, 3, 2, 1), true), groups: 2, Strips),
        Case(new(2, 2, 2, 3, 2, 2, 1, 3, true), groups: 2, Strips),
        Case(new(2, 2, 3, 2, 2, 2, 2, new Padding2d(3, 2, 0, 5), true), groups: 2, Strips),
        // Groups of several channels, as many of both kinds and not.
        Case(new(2, 4, 6, 7, 6, 3, 1, 1, true), groups: 2, Strips),
        Case(new(2, 6, 5, 9, 2, 3, 2, 1, true), groups: 2, Strips),
        Case(new(2, 2, 5, 9, 6, 3, (2, 1), (0, 1), false), groups: 2, Strips),
        Case(new(3, 8, 7, 6, 8, 3, 1, 1, true), groups: 2, Strips),
        Case(new(2, 16, 7, 6, 16, 3, 1, 1, true), groups: 2, Strips),
        Case(new(2, 10, 6, 5, 16, (2, 3), 2, 1, true), groups: 2, Strips),
    ];

    [TestCaseSource(nameof(Cases))]
    public void Forward_GivesTheReference(ConvCase c, int[] strips)
    {
        var data = new Data(this, c);
        var g = data.Geometry;
        foreach (var strip in strips)
        {
            var y = Poison(c.OutputShape);
            var threads = c.Batch * Tiles(g.OutHeight, strip) * g.OutWidth;
            Launch(
                CudaBackend.ConvWindowsFile, "conv_windows_forward", Constants(g, g.GroupOutChannels, strip), g,
                g.Groups * Tiles(threads, Threads), [data.X, data.Weight, data.Bias, y],
                Shared(g, g.GroupInChannels, g.GroupOutChannels));
            ErrorBound.AssertEqual($"output, {strip} rows", Read(y), data.Expected.Output);
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void InputGradient_GivesTheReference(ConvCase c, int[] strips)
    {
        var data = new Data(this, c);
        var g = data.Geometry;
        foreach (var strip in strips)
        {
            foreach (var offset in new[] { 0, 1 })
            {
                var gradInput = offset == 0
                    ? Poison(c.InputShape)
                    : Shifted(new double[c.InputShape.ElementCount], c.InputShape);
                var threads = c.Batch * Tiles(g.InHeight, Math.Max(strip, g.StrideY)) * Tiles(g.InWidth, g.StrideX);
                Launch(
                    CudaBackend.ConvWindowsFile, "conv_windows_backward_input", Constants(g, g.GroupInChannels, strip),
                    g, g.Groups * Tiles(threads, Threads), [data.Weight, data.GradOutput, gradInput],
                    Shared(g, g.GroupOutChannels, g.GroupInChannels));
                ErrorBound.AssertEqual(
                    $"input gradient, {strip} rows, {offset} elements on", Read(gradInput), data.Expected.GradInput!);
            }
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void WeightGradient_WithEverySplit_GivesTheReference(ConvCase c, int[] strips)
    {
        var data = new Data(this, c);
        var g = data.Geometry;
        foreach (var strip in strips)
        {
            // All output channels of a group to a thread, and sets of which the last is not full.
            foreach (var channels in new[] { g.GroupOutChannels, g.GroupOutChannels * 2 / 3 }.Where(n => n > 0).Distinct())
            {
                var count = c.Batch * Tiles(g.OutHeight, strip) * g.OutWidth;
                foreach (var perSplit in new[] { count, Lanes, 45 })
                {
                    var splits = Tiles(count, perSplit);
                    var warps = g.InChannels * Tiles(g.GroupOutChannels, channels) * splits;
                    var partials = Poison([splits, c.OutChannels, data.Columns]);
                    Launch(
                        CudaBackend.ConvWindowsWeightFile, "conv_windows_backward_weight",
                        WeightConstants(g, channels, strip), g, Tiles(warps, Threads / Lanes),
                        [data.X, data.GradOutput, data.Columns, (long)perSplit, splits, partials]);
                    AssertGradients(data, c, partials, splits, $"{strip} rows, {channels} channels, {splits} splits");
                }
            }
        }
    }

    [Test]
    public void InfinityThatNoWindowMeets_ReachesNothing()
    {
        // 5 rows of outputs are no whole strips; the last row and column of inputs lie beyond the last window.
        var c = new ConvCase(2, 2, 12, 10, 2, 3, 2, 0, true) { Groups = 2 };
        var data = new Data(this, c, x =>
        {
            for (var i = 0; i < x.Length; i++)
            {
                if (i % 10 == 9 || i / 10 % 12 == 11)
                    x[i] = double.PositiveInfinity;
            }
        });
        var layer = RunBackend(c, data);

        ErrorBound.AssertEqual("output", Read(layer.Output), data.Expected.Output);
        ErrorBound.AssertEqual("weight gradient", Read(layer.GradWeight), data.Expected.GradWeight);
    }

    // Inputs beside a window, in the rows of its strip and in the columns of its neighbours.
    [Test]
    public void NaN_ReachesTheOutputsWhoseWindowsMeetIt()
    {
        var c = new ConvCase(1, 2, 6, 7, 2, 3, 1, 1, false) { Groups = 2 };
        var data = new Data(this, c);
        var x = Read(data.X);
        x[2 * 7 + 3] = double.NaN;
        Write(x, data.X);
        var output = Read(RunBackend(c, data).Output);
        for (var i = 0; i < output.Length; i++)
        {
            var (channel, row, column) = (i / 42, i / 7 % 6, i % 7);
            var meets = channel == 0 && Math.Abs(row - 2) <= 1 && Math.Abs(column - 3) <= 1;
            Assert.That(double.IsNaN(output[i]), Is.EqualTo(meets), $"channel {channel}, row {row}, column {column}");
        }
    }

    [Test]
    public void Backend_TakesThem()
    {
        var c = new ConvCase(2, 6, 9, 13, 6, (5, 3), (2, 1), (2, 1), true) { Groups = 3 };
        var data = new Data(this, c);
        var result = RunBackend(c, data);
        ErrorBound.AssertEqual("output", Read(result.Output), data.Expected.Output);
        ErrorBound.AssertEqual("input gradient", Read(result.GradInput), data.Expected.GradInput!);
        ErrorBound.AssertEqual("weight gradient", Read(result.GradWeight), data.Expected.GradWeight);

        var g = data.Geometry;
        var compiled = KernelImages.OfThisProcess.CompiledCount;
        using var scope = Backend.Enter();
        Backend.Kernel(CudaBackend.ConvWindowsFile, "conv_windows_forward", DType, Constants(g, 2, strip: 4));
        Backend.Kernel(
            CudaBackend.ConvWindowsWeightFile, "conv_windows_backward_weight", DType, WeightConstants(g, 2, strip: 4));
        Assert.That(KernelImages.OfThisProcess.CompiledCount, Is.EqualTo(compiled));
    }

    private static TestCaseData Case(ConvCase c, int groups, int[] strips)
    {
        var ofGroups = c with { Groups = groups };
        return new TestCaseData(ofGroups, strips).SetArgDisplayNames(ofGroups.ToString(), strips.Length.ToString());
    }

    private static KernelConstant[] Constants(ConvGeometry g, int channels, int strip) =>
    [
        new("KERNEL_HEIGHT", g.KernelHeight), new("KERNEL_WIDTH", g.KernelWidth),
        new("STRIDE_Y", g.StrideY), new("STRIDE_X", g.StrideX),
        new("PHASE_Y", g.PaddingY % g.StrideY), new("PHASE_X", g.PaddingX % g.StrideX),
        new("CHANNELS", channels), new("STRIP", strip),
    ];

    private static KernelConstant[] WeightConstants(ConvGeometry g, int channels, int strip) =>
        [.. Constants(g, channels, strip).Where(constant => !constant.Name.StartsWith("PHASE", StringComparison.Ordinal))];

    private int Shared(ConvGeometry g, int sources, int results)
    {
        var pack = 16 / DType.Size();
        return sources * Tiles(g.Taps * results, pack) * pack * DType.Size();
    }

    /// <summary>What the backend makes of a case, with kernels of its choice.</summary>
    private (Tensor Output, Tensor GradInput, Tensor GradWeight, Tensor? GradBias) RunBackend(ConvCase c, Data data)
    {
        var g = data.Geometry;
        Tensor output = Poison(c.OutputShape), gradInput = Poison(c.InputShape), gradWeight = Poison(c.WeightShape);
        var gradBias = c.Bias ? Poison([c.OutChannels]) : null;
        Backend.ConvForward(new(g, data.X, data.Weight, data.Bias, output));
        Backend.ConvBackward(new(g, data.X, data.Weight, data.GradOutput, gradInput, gradWeight, gradBias));
        return (output, gradInput, gradWeight, gradBias);
    }
}
