using System.Collections.Immutable;
using CudaBn.Backends.Cuda;
using CudaBn.Backends.OpArgs;
using CudaBn.Tests.Layers;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

/// <summary>Every kernel of convolution with every tile, on sizes around the edges of tiles. The numbers are small integers,
/// whose sums are exact, so that nothing is forgiven.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.CudaInEveryType))]
public class ConvKernelTests(TestBackend backend, DType dtype) : ConvKernelFixture(backend, dtype)
{
    private static IEnumerable<ConvCase> Cases() =>
    [
        new(1, 1, 1, 1, 1, 1, 1, 0, false),
        // 63, 64, 65, 127, 128 and 129 positions, and channels just past a tile.
        new(1, 2, 9, 11, 33, 3, 1, 0, true),
        new(1, 3, 8, 8, 32, 3, 1, 1, true),
        new(1, 33, 5, 13, 65, 1, 1, 0, false),
        new(5, 17, 3, 13, 64, (3, 2), 1, (1, 1), true),
        new(1, 3, 1, 127, 31, 1, 1, 0, true),
        new(2, 2, 8, 8, 32, 3, 1, 1, false),
        new(1, 2, 3, 43, 33, (1, 3), 1, (0, 1), true),
        // 7, 8, 9, 15, 16, 17, 31, 32, 33 and 48 terms.
        new(2, 7, 4, 5, 3, 1, 1, 0, true),
        new(2, 2, 5, 4, 3, 2, 1, 0, true),
        new(2, 9, 3, 5, 3, 1, 1, 0, false),
        new(2, 31, 3, 2, 3, 1, 1, 0, true),
        new(2, 8, 3, 4, 3, 2, 1, 1, true),
        new(2, 33, 3, 2, 3, 1, 2, 0, true),
        new(2, 15, 4, 5, 3, 1, 1, 0, true),
        new(2, 4, 5, 5, 3, 2, 2, 1, true),
        new(2, 17, 4, 5, 3, 1, (2, 3), 0, false),
        new(3, 3, 7, 6, 5, 4, (3, 1), (2, 3), true),
        // Strides beyond the kernel, and beyond the input; strides that share a factor with the dilation, or all of it.
        new(2, 3, 7, 8, 5, 2, (3, 4), (1, 2), true),
        new(2, 3, 2, 3, 5, 1, (4, 5), 0, true),
        new(2, 3, 2, 3, 5, 2, (int.MaxValue, 3), 1, true),
        new(2, 3, 11, 13, 5, 3, (2, 4), (3, 4), true) { Dilation = (2, 2) },
        new(2, 3, 11, 13, 5, (2, 3), (6, 3), (3, 1), true) { Dilation = (4, 2) },
        // 32 and 33 places of the kernel.
        new(2, 2, 9, 11, 3, (4, 8), 1, (2, 3), true),
        new(2, 2, 9, 13, 3, (3, 11), (1, 2), (1, 5), true),
        // Patches that lie in the padding altogether.
        new(2, 2, 2, 3, 4, 2, 1, 3, true),
        // Groups of a tile and one, dilation, other padding at the end, volumes.
        new(1, 6, 9, 7, 99, 3, 1, 1, true) { Groups = 3 },
        new(2, 66, 5, 4, 4, 2, 2, new Padding2d(0, 1, 2, 0), true) { Groups = 2, Dilation = (2, 3) },
        new(1, 4, 5, 6, 66, (3, 2), (2, 1), new Padding2d(2, 0, 0, 3), false) { Dilation = (1, 2), Depth = new(5, 3, 2, 1, 2) },
        new(2, 6, 3, 5, 34, 2, 1, 0, true) { Groups = 2, Depth = new(4, 2, 3, 2, 1, 3) },
    ];

    private static IEnumerable<ConvCase> SmallGroupCases() =>
    [
        // 9, 10, 11 and 20 columns of the weight gradient, the bias among them.
        new(2, 3, 6, 7, 3, 3, 1, 1, false) { Groups = 3 },
        new(2, 3, 6, 7, 3, 3, 1, 1, true) { Groups = 3 },
        new(2, 4, 6, 7, 6, (1, 5), 1, 0, true) { Groups = 2 },
        new(2, 2, 5, 7, 6, (4, 5), 1, 2, false) { Groups = 2 },
        // 127, 128 and 129 positions.
        new(1, 2, 1, 127, 2, 1, 1, 0, true) { Groups = 2 },
        new(2, 2, 8, 8, 2, 3, 1, 1, true) { Groups = 2 },
        new(3, 2, 1, 43, 4, (1, 3), 1, (0, 1), true) { Groups = 2 },
        new(2, 6, 9, 7, 9, (3, 2), (2, 3), new Padding2d(0, 3, 2, 1), true) { Groups = 3, Dilation = (2, 3) },
        new(2, 4, 5, 6, 4, 3, 2, 1, true) { Groups = 2, Depth = new(5, 3, 2, 1, 2) },
        new(1, 2, 3, 4, 2, 2, 1, 3, true) { Groups = 2, Depth = new(2, 2, 1, 2, 3, 2) },
    ];

    private static IEnumerable<ConvCase> OneChannelCases() =>
    [
        new(1, 1, 1, 1, 1, 1, 1, 0, true),
        // 255, 256 and 257 positions in an image; bands that begin in the middle of a row.
        new(2, 1, 17, 19, 9, 3, 1, 0, true),
        new(2, 1, 16, 16, 10, 3, 1, 1, false),
        new(1, 1, 1, 257, 11, 1, 1, 0, true),
        new(3, 1, 29, 23, 21, 5, (2, 1), (1, 3), true),
        // 31, 32 and 33 columns of the weight gradient, the bias among them.
        new(2, 1, 9, 40, 19, (1, 31), 1, 0, false),
        new(2, 1, 9, 40, 20, (1, 31), 1, 0, true),
        new(3, 1, 11, 9, 15, (8, 4), (1, 2), (4, 2), true),
        // 63, 64 and 65 positions.
        new(2, 1, 9, 7, 3, 1, 1, 0, true),
        new(2, 1, 8, 8, 3, 1, 1, 0, true),
        new(2, 1, 13, 5, 3, 1, 1, 0, true),
    ];

    [TestCaseSource(nameof(Cases))]
    public void Forward_WithEveryTileAndSplit_GivesTheReference(ConvCase c)
    {
        var data = new Data(this, c);
        var g = data.Geometry;
        var terms = g.GroupInChannels * g.Taps;
        foreach (var (tile, constants) in Variants(g))
        {
            foreach (var perSplit in new[] { terms, 16 })
            {
                var splits = Tiles(terms, perSplit);
                var y = Poison([splits, .. c.OutputShape]);
                LaunchTiles(
                    "conv_forward", constants,
                    splits * c.Groups * tile.Count(g.GroupOutChannels, data.OutPositions), g,
                    [data.X, data.Weight, splits == 1 ? data.Bias : null, perSplit, y]);
                AssertImages(data.Expected.Output, c.OutputShape, y, splits, data.Bias, g.OutPlaces, Name(tile, constants));
            }
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void InputGradient_WithEveryTileAndSplit_GivesTheReference(ConvCase c)
    {
        var data = new Data(this, c);
        var g = data.Geometry;
        var positions = c.Batch * Tiles(g.InDepth, g.StrideZ) * Tiles(g.InHeight, g.StrideY) * Tiles(g.InWidth, g.StrideX);
        var phases = Math.Min(g.StrideZ, g.InDepth) * Math.Min(g.StrideY, g.InHeight) * Math.Min(g.StrideX, g.InWidth);
        // As many as there may be in one phase.
        var terms = g.GroupOutChannels * g.Taps;
        foreach (var (tile, constants) in Variants(g))
        {
            foreach (var perSplit in new[] { terms, 16 })
            {
                var splits = Tiles(terms, perSplit);
                var gradInput = Poison([splits, .. c.InputShape]);
                LaunchTiles(
                    "conv_backward_input", constants,
                    splits * phases * c.Groups * tile.Count(g.GroupInChannels, positions), g,
                    [data.Weight, data.GradOutput, perSplit, gradInput]);
                AssertImages(
                    data.Expected.GradInput!, c.InputShape, gradInput, splits, bias: null, g.InPlaces,
                    Name(tile, constants));
            }
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void WeightGradient_WithEveryTileAndSplit_GivesTheReference(ConvCase c)
    {
        var data = new Data(this, c);
        var g = data.Geometry;
        foreach (var (tile, constants) in Variants(g))
        {
            foreach (var perSplit in new[] { 48, 1024 })
            {
                var splits = Tiles(data.OutPositions, perSplit);
                var partials = Poison([splits, c.OutChannels, data.Columns]);
                LaunchTiles(
                    "conv_backward_weight", constants, c.Groups * tile.Count(g.GroupOutChannels, data.Columns) * splits, g,
                    [data.X, data.GradOutput, data.Columns, (long)perSplit, partials]);
                AssertGradients(data, c, partials, splits, $"{Name(tile, constants)}, {splits} splits");
            }
        }
    }

    [Test]
    public void Plan_CoversAllTermsOnce()
    {
        var random = new Random(1);
        for (var i = 0; i < 2000; i++)
        {
            var terms = random.NextInt64(1, 100_000);
            var plan = ConvTile.Plan(
                random.Next(1, 9), random.Next(1, 600), random.NextInt64(1, 200_000), terms, DType, random.Next(1, 200),
                hasSum: i % 2 == 0);
            Assert.That(plan.Splits * plan.TermsPerSplit, Is.GreaterThanOrEqualTo(terms));
            Assert.That((plan.Splits - 1) * plan.TermsPerSplit, Is.LessThan(terms));
            Assert.That(plan.TermsPerSplit % ConvTile.Steps(DType), Is.Zero);
        }
    }

    // Few tiles of long sums are split, many of short ones are not.
    [TestCase(64, 6272, 576, 2, 8)]
    [TestCase(50, 25600, 180, 1, 1)]
    [TestCase(64, 1_000_000, 576, 1, 1)]
    [TestCase(512, 1568, 4608, 2, 16)]
    public void Plan_SplitsWhereMultiprocessorsWouldIdle(int rows, long columns, long terms, int least, int most) =>
        Assert.That(
            ConvTile.Plan(1, rows, columns, terms, DType.Float32, multiprocessors: 132).Splits, Is.InRange(least, most));

    [TestCaseSource(nameof(OneChannelCases))]
    public void OneChannel_Forward_GivesTheReference(ConvCase c)
    {
        var data = new Data(this, c);
        var y = Poison(c.OutputShape);
        var plane = data.OutPositions / c.Batch;
        var channels = Tiles(c.OutChannels, 10) * 10;
        var shared = channels * c.Kernel.Height * c.Kernel.Width + BandElements(data.Geometry, 256);
        Launch(
            CudaBackend.ConvOneChannelFile, "conv_one_channel_forward", c.Batch * Tiles(plane, 256), data.Geometry,
            [data.X, data.Weight, data.Bias, y], shared * DType.Size());
        ErrorBound.AssertEqual("output", Read(y), data.Expected.Output);
    }

    [TestCaseSource(nameof(OneChannelCases))]
    public void OneChannel_WeightGradientWithEverySplit_GivesTheReference(ConvCase c)
    {
        var data = new Data(this, c);
        // The last has splits without a band.
        foreach (var splits in new[] { 1, 2, 7, 40 })
        {
            var partials = Poison([splits, c.OutChannels, data.Columns]);
            Launch(
                CudaBackend.ConvOneChannelFile, "conv_one_channel_backward_weight",
                Tiles(c.OutChannels, 20) * Tiles(data.Columns, 32) * splits, data.Geometry,
                [data.X, data.GradOutput, data.Columns, splits, partials],
                BandElements(data.Geometry, 64) * DType.Size());
            AssertGradients(data, c, partials, splits, $"{splits} splits");
        }
    }

    [TestCaseSource(nameof(SmallGroupCases))]
    public void SmallGroups_Forward_GivesTheReference(ConvCase c)
    {
        var data = new Data(this, c);
        // A thread per output, and fewer threads than outputs.
        foreach (var blocks in new[] { Tiles((int)c.OutputShape.ElementCount, Threads), 1 })
        {
            var y = Poison(c.OutputShape);
            Launch(
                CudaBackend.ConvSmallGroupsFile, "conv_small_groups_forward", blocks, data.Geometry,
                [data.X, data.Weight, data.Bias, y]);
            ErrorBound.AssertEqual($"output, {blocks} blocks", Read(y), data.Expected.Output);
        }
    }

    [TestCaseSource(nameof(SmallGroupCases))]
    public void SmallGroups_InputGradient_GivesTheReference(ConvCase c)
    {
        var data = new Data(this, c);
        foreach (var blocks in new[] { Tiles((int)c.InputShape.ElementCount, Threads), 1 })
        {
            var gradInput = Poison(c.InputShape);
            Launch(
                CudaBackend.ConvSmallGroupsFile, "conv_small_groups_backward_input", blocks, data.Geometry,
                [data.Weight, data.GradOutput, gradInput]);
            ErrorBound.AssertEqual($"input gradient, {blocks} blocks", Read(gradInput), data.Expected.GradInput!);
        }
    }

    [TestCaseSource(nameof(SmallGroupCases))]
    public void SmallGroups_WeightGradientWithEverySplit_GivesTheReference(ConvCase c)
    {
        var data = new Data(this, c);
        foreach (var perSplit in new[] { 1000, 129, 50 })
        {
            var splits = Tiles(data.OutPositions, perSplit);
            var partials = Poison([splits, c.OutChannels, data.Columns]);
            Launch(
                CudaBackend.ConvSmallGroupsFile, "conv_small_groups_backward_weight",
                c.OutChannels * Tiles(data.Columns, 10) * splits, data.Geometry,
                [data.X, data.GradOutput, data.Columns, (long)perSplit, partials]);
            AssertGradients(data, c, partials, splits, $"{splits} splits");
        }
    }

    // Counted here on its own: the rows of every band, and the greatest of them.
    private static int BandElements(ConvGeometry g, int positions)
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

    // Every tile where masks, of 32 bits, are enough; without masks, which does not depend on the tile, one of few rows.
    private static IEnumerable<(ConvTile Tile, ImmutableArray<KernelConstant> Constants)> Variants(ConvGeometry g) =>
        g.Taps <= 32
            ? [.. ConvTile.All.Select(tile => (tile, tile.NearConstants)), (ConvTile.All[1], ConvTile.All[1].FarConstants)]
            : ConvTile.All.Select(tile => (tile, tile.FarConstants));

    private static string Name(ConvTile tile, ImmutableArray<KernelConstant> constants) =>
        $"{tile.Rows} x {tile.Columns}, {(constants == tile.NearConstants ? "near" : "far")}";

    private void AssertImages(
        double[] expected, Shape shape, Tensor images, int splits, Tensor? bias, int places, string launch)
    {
        var sum = images;
        if (splits > 1)
        {
            sum = Poison(shape);
            using var scope = Backend.Enter();
            Backend.Kernel(CudaBackend.ConvSumSplitsFile, "conv_sum_images", DType).Launch(
                2, 96, [images, splits, sum.ElementCount, bias, shape[1], places, sum]);
        }

        ErrorBound.AssertEqual($"{launch}, {splits} splits", Read(sum), expected);
    }

    private void LaunchTiles(
        string kernel, ImmutableArray<KernelConstant> constants, long blocks, ConvGeometry geometry,
        ReadOnlySpan<KernelArgument> others) =>
        Launch(CudaBackend.ConvFile, kernel, constants.AsSpan(), geometry, (int)blocks, others);

    private void Launch(
        KernelFile file, string kernel, int blocks, ConvGeometry geometry, ReadOnlySpan<KernelArgument> others,
        int sharedBytes = 0) => Launch(file, kernel, [], geometry, blocks, others, sharedBytes);
}
