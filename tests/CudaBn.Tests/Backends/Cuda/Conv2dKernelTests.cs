using CudaBn.Backends.Cuda;
using CudaBn.Backends.OpArgs;
using CudaBn.Tests.Layers;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

/// <summary>Every kernel of convolution with every tile, on sizes around the edges of tiles. The numbers are small integers,
/// whose sums are exact, so that nothing is forgiven.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.CudaInEveryType))]
public class Conv2dKernelTests(TestBackend backend, DType dtype) : KernelFixture(backend, dtype)
{
    private const int Threads = 128;

    private static IEnumerable<Conv2dCase> Cases() =>
    [
        new(1, 1, 1, 1, 1, 1, 1, 0, false),
        // 63, 64 and 65 positions, and channels just past a tile.
        new(1, 2, 9, 11, 33, 3, 1, 0, true),
        new(1, 3, 8, 8, 32, 3, 1, 1, true),
        new(1, 33, 5, 13, 65, 1, 1, 0, false),
        new(5, 17, 3, 13, 64, (3, 2), 1, (1, 1), true),
        // 15, 16, 17 and 48 terms.
        new(2, 15, 4, 5, 3, 1, 1, 0, true),
        new(2, 4, 5, 5, 3, 2, 2, 1, true),
        new(2, 17, 4, 5, 3, 1, (2, 3), 0, false),
        new(3, 3, 7, 6, 5, 4, (3, 1), (2, 3), true),
        // Patches that lie in the padding altogether.
        new(2, 2, 2, 3, 4, 2, 1, 3, true),
    ];

    private static IEnumerable<Conv2dCase> OneChannelCases() =>
    [
        new(1, 1, 1, 1, 1, 1, 1, 0, true),
        // 255, 256 and 257 positions in an image; bands that begin in the middle of a row.
        new(2, 1, 17, 19, 9, 3, 1, 0, true),
        new(2, 1, 16, 16, 10, 3, 1, 1, false),
        new(1, 1, 1, 257, 11, 1, 1, 0, true),
        new(3, 1, 29, 23, 21, 5, (2, 1), (1, 3), true),
        // 31, 32 and 33 columns of the weight gradient, the bias among them.
        new(2, 1, 9, 40, 16, (1, 31), 1, 0, false),
        new(2, 1, 9, 40, 17, (1, 31), 1, 0, true),
        new(3, 1, 11, 9, 15, (8, 4), (1, 2), (4, 2), true),
        // 63, 64 and 65 positions.
        new(2, 1, 9, 7, 3, 1, 1, 0, true),
        new(2, 1, 8, 8, 3, 1, 1, 0, true),
        new(2, 1, 13, 5, 3, 1, 1, 0, true),
    ];

    [TestCaseSource(nameof(Cases))]
    public void Forward_WithEveryTile_GivesTheReference(Conv2dCase c)
    {
        var data = new Data(this, c);
        foreach (var rows in new[] { 32, 64 })
        {
            var y = Poison(c.OutputShape);
            Launch(
                CudaBackend.Conv2dFile, $"conv2d_forward_{rows}",
                Tiles(c.OutChannels, rows) * Tiles(data.OutPositions, 64), data.Geometry,
                [data.X, data.Weight, data.Bias, y]);
            ErrorBound.AssertEqual($"{rows} rows", Read(y), data.Expected.Output);
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void InputGradient_WithEveryTile_GivesTheReference(Conv2dCase c)
    {
        var data = new Data(this, c);
        foreach (var rows in new[] { 32, 64 })
        {
            var gradInput = Poison(c.InputShape);
            Launch(
                CudaBackend.Conv2dFile, $"conv2d_backward_input_{rows}",
                Tiles(c.InChannels, rows) * Tiles(c.Batch * c.Height * c.Width, 64), data.Geometry,
                [data.Weight, data.GradOutput, gradInput]);
            ErrorBound.AssertEqual($"{rows} rows", Read(gradInput), data.Expected.GradInput!);
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void WeightGradient_WithEveryTileAndSplit_GivesTheReference(Conv2dCase c)
    {
        var data = new Data(this, c);
        foreach (var rows in new[] { 32, 64 })
        {
            foreach (var perSplit in new[] { 16, 48, 1024 })
            {
                var splits = Tiles(data.OutPositions, perSplit);
                var partials = Poison([splits, c.OutChannels, data.Columns]);
                Launch(
                    CudaBackend.Conv2dFile, $"conv2d_backward_weight_{rows}",
                    Tiles(c.OutChannels, rows) * Tiles(data.Columns, 64) * splits, data.Geometry,
                    [data.X, data.GradOutput, data.Columns, (long)perSplit, partials]);
                AssertGradients(data, c, partials, splits, $"{rows} rows, {splits} splits");
            }
        }
    }

    [TestCaseSource(nameof(OneChannelCases))]
    public void OneChannel_Forward_GivesTheReference(Conv2dCase c)
    {
        var data = new Data(this, c);
        var y = Poison(c.OutputShape);
        var plane = data.OutPositions / c.Batch;
        var channels = Tiles(c.OutChannels, 10) * 10;
        var shared = channels * c.Kernel.Height * c.Kernel.Width + BandElements(data.Geometry, 256);
        Launch(
            CudaBackend.Conv2dOneChannelFile, "conv2d_one_channel_forward", c.Batch * Tiles(plane, 256), data.Geometry,
            [data.X, data.Weight, data.Bias, y], shared * DType.Size());
        ErrorBound.AssertEqual("output", Read(y), data.Expected.Output);
    }

    [TestCaseSource(nameof(OneChannelCases))]
    public void OneChannel_WeightGradientWithEverySplit_GivesTheReference(Conv2dCase c)
    {
        var data = new Data(this, c);
        // The last has splits without a band.
        foreach (var splits in new[] { 1, 2, 7, 40 })
        {
            var partials = Poison([splits, c.OutChannels, data.Columns]);
            Launch(
                CudaBackend.Conv2dOneChannelFile, "conv2d_one_channel_backward_weight",
                Tiles(c.OutChannels, 16) * Tiles(data.Columns, 32) * splits, data.Geometry,
                [data.X, data.GradOutput, data.Columns, splits, partials],
                BandElements(data.Geometry, 64) * DType.Size());
            AssertGradients(data, c, partials, splits, $"{splits} splits");
        }
    }

    private static int Tiles(int count, int tile) => (count + tile - 1) / tile;

    // Counted here on its own: the rows of every band, and the greatest of them.
    private static int BandElements(Conv2dGeometry g, int positions)
    {
        var plane = g.OutHeight * g.OutWidth;
        var rows = 0;
        for (var first = 0; first < plane; first += positions)
        {
            var last = Math.Min(first + positions, plane) - 1;
            rows = Math.Max(rows, last / g.OutWidth - first / g.OutWidth);
        }

        return (rows * g.StrideY + g.KernelHeight) * ((g.OutWidth - 1) * g.StrideX + g.KernelWidth);
    }

    private void AssertGradients(Data data, Conv2dCase c, Tensor partials, int splits, string launch)
    {
        var gradWeight = Poison(c.WeightShape);
        var gradBias = c.Bias ? Poison([c.OutChannels]) : null;
        using (Backend.Enter())
            Backend.Kernel(CudaBackend.Conv2dFile, "conv2d_sum_splits", DType).Launch(
                2, 96, [partials, splits, c.OutChannels, data.Columns, gradWeight, gradBias]);
        ErrorBound.AssertEqual($"weight gradient, {launch}", Read(gradWeight), data.Expected.GradWeight);
        if (gradBias is not null)
            ErrorBound.AssertEqual($"bias gradient, {launch}", Read(gradBias), data.Expected.GradBias!);
    }

    private unsafe void Launch(
        KernelFile file, string kernel, int blocks, Conv2dGeometry geometry, ReadOnlySpan<KernelArgument> others,
        int sharedBytes = 0)
    {
        using var scope = Backend.Enter();
        Backend.Kernel(file, kernel, DType).Launch(
            blocks, Threads, [KernelArgument.Struct(&geometry), .. others], sharedBytes);
    }

    /// <summary>Tensors of one case, and what the reference makes of them.</summary>
    private sealed class Data
    {
        public Data(Conv2dKernelTests test, Conv2dCase c)
        {
            var x = RandomVector.Integers(1, (int)c.InputShape.ElementCount, 4);
            var weight = RandomVector.Integers(2, (int)c.WeightShape.ElementCount, 4);
            var bias = RandomVector.Integers(3, c.OutChannels, 4);
            var gradOutput = RandomVector.Integers(4, (int)c.OutputShape.ElementCount, 4);
            Expected = c.Reference(x, weight, bias, gradOutput);
            X = test.TensorOf(x, c.InputShape);
            Weight = test.TensorOf(weight, c.WeightShape);
            Bias = c.Bias ? test.TensorOf(bias, [c.OutChannels]) : null;
            GradOutput = test.TensorOf(gradOutput, c.OutputShape);
            Geometry = new Conv2dGeometry(
                c.Batch, c.InChannels, c.Height, c.Width, c.OutChannels, c.OutputShape[2], c.OutputShape[3],
                c.Kernel.Height, c.Kernel.Width, c.Stride.Height, c.Stride.Width, c.Padding.Height, c.Padding.Width);
            Columns = c.InChannels * c.Kernel.Height * c.Kernel.Width + (c.Bias ? 1 : 0);
            OutPositions = c.Batch * Geometry.OutHeight * Geometry.OutWidth;
        }

        public AffineResult Expected { get; }

        public Tensor X { get; }

        public Tensor Weight { get; }

        public Tensor? Bias { get; }

        public Tensor GradOutput { get; }

        public Conv2dGeometry Geometry { get; }

        public int Columns { get; }

        public int OutPositions { get; }
    }
}
