using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class Conv2dTests(TestBackend backend, DType dtype) : ConvFixture(backend, dtype)
{
    private static readonly int[] Batches = [1, 2, 15, 16, 17, 31, 32, 33, 65];
    private static readonly int[] Channels = [1, 3, 7, 17, 50, 64];

    /// <summary>So many channels that they fill registers better than the images of the batch.</summary>
    private static IEnumerable<ConvCase> ManyChannels() =>
    [
        new(1, 32, 3, 1, 32, 1, 1, 0, true),
        new(2, 33, 3, 3, 40, 3, 1, 0, false),
        new(2, 32, 2, 2, 32, 5, 1, 2, true),
        new(1, 33, 4, 24, 40, 5, 1, (2, 4), true),
        new(2, 96, 5, 9, 32, 5, 1, (0, 2), false),
        new(1, 40, 2, 16, 96, (2, 5), 1, (1, 0), true),
        new(1, 96, 3, 28, 64, 3, 1, 1, false),
        new(2, 64, 4, 13, 96, 3, 1, 1, true),
        // More images than shares of the weight gradient, so that some shares have two.
        new(17, 32, 3, 7, 32, 3, 1, 1, true),
        new(17, 64, 1, 13, 32, 1, 1, 0, true),
        new(20, 32, 2, 12, 64, (3, 1), 1, (1, 0), false),
        new(20, 40, 1, 12, 96, (1, 3), 1, (0, 1), true),
        new(33, 64, 2, 2, 64, 2, 1, 1, true),
        // Several bands of rows in an image.
        new(1, 64, 5, 200, 32, 1, 1, 0, true),
        new(1, 64, 3, 130, 32, (3, 2), 1, (2, 1), false),
    ];

    private static IEnumerable<ConvCase> Cases() =>
    [
        .. ManyChannels(),
        new(1, 1, 1, 1, 1, 1, 1, 0, false),
        new(2, 3, 5, 4, 7, 1, 1, 0, true),
        new(17, 64, 3, 3, 50, 1, 1, 0, false),
        new(16, 17, 4, 5, 17, 1, 2, 0, true),
        new(2, 1, 28, 28, 20, 5, 1, 0, true),
        new(33, 1, 12, 12, 20, 5, 1, 0, true),
        new(17, 20, 6, 6, 50, 3, 1, 0, true),
        new(2, 64, 6, 6, 64, 3, 1, 1, false),
        new(1, 3, 9, 8, 7, 3, 2, 1, true),
        new(33, 3, 8, 8, 17, 5, 2, 2, true),
        new(31, 7, 4, 4, 17, 4, 1, 0, true),
        new(1, 50, 5, 5, 1, 3, 1, 1, true),
        new(16, 3, 7, 9, 7, (3, 5), (2, 1), (0, 2), true),
        new(2, 7, 9, 6, 3, (5, 2), (1, 3), (2, 0), false),
        new(65, 17, 4, 5, 7, (2, 3), (1, 2), (1, 1), true),
        new(3, 2, 6, 11, 5, (1, 7), (3, 2), (1, 3), true),
        // A kernel that meets the whole input, once: of few images and of many.
        new(3, 40, 1, 1, 33, 1, 1, 0, true),
        new(20, 7, 1, 1, 50, 1, 2, 0, false),
        new(33, 5, 3, 4, 20, (3, 4), 1, 0, true),
        new(2, 5, 3, 4, 20, (3, 4), (2, 3), new Padding2d(0, 1, 0, 2), true),
        // Every fourth column, of more than a register has lanes.
        new(2, 3, 12, 90, 12, 5, 4, 1, true),
        // Gradients as products of matrices: of windows side by side, overlapping, and with gaps; of few channels and of many.
        new(3, 3, 32, 32, 96, 8, 8, 0, true),
        new(2, 3, 30, 29, 140, (7, 6), (5, 4), (2, 3), true),
        new(1, 64, 7, 7, 96, 3, 3, 0, false),
        new(5, 33, 8, 9, 72, 3, (3, 4), 1, true),
        new(3, 2, 11, 12, 40, (2, 3), 5, 0, true),
        // The stride leaves the last rows and columns out, or whole gaps.
        new(32, 7, 10, 11, 3, 3, 3, 0, false),
        new(2, 3, 10, 10, 7, 2, 3, 0, true),
        new(33, 1, 5, 7, 3, 1, (3, 2), (2, 1), true),
        // The kernel is larger than the input; windows lie wholly in the padding.
        new(2, 3, 2, 2, 7, 5, 1, 2, true),
        new(2, 3, 3, 3, 7, 2, 1, 3, true),
        new(17, 3, 3, 4, 7, (2, 1), (2, 1), (4, 2), true),
        // Several bands of rows; one input channel or many, in blocks; strides over many output channels.
        new(1, 1, 60, 40, 5, (5, 4), 1, (1, 2), true),
        new(2, 70, 30, 41, 3, 3, 1, 1, true),
        new(2, 5, 40, 37, 33, 3, (2, 1), 1, true),
        new(2, 33, 9, 7, 27, 1, 1, 0, true),
        new(3, 300, 5, 6, 70, (3, 2), (1, 2), 1, true),
        new(2, 9, 30, 41, 150, 3, 1, 1, true),
        new(2, 9, 13, 17, 300, 3, 2, 1, false),
        // Whole blocks of images, whose channels, of the input or the output, are cut into blocks.
        new(32, 150, 4, 3, 40, 3, 1, 1, true),
        new(32, 40, 4, 3, 150, 3, 1, 1, false),
        // Blocks of images so large that they are transposed once, for all tiles of the forward pass or of the weights.
        new(32, 128, 16, 16, 14, 3, 3, 1, true),
        new(32, 130, 16, 16, 5, 3, 3, 1, false),
        // One image, whose output channels are computed by several threads.
        new(1, 40, 9, 11, 41, 3, 1, 1, true),
        new(1, 90, 12, 11, 80, 1, 1, 0, false),
        // Sums of weights in so many parts that they share the inputs they read, in one round and in two.
        new(2, 300, 5, 4, 310, 3, 1, 1, true),
        new(2, 1000, 33, 33, 900, 1, 16, 0, true),
        // One weight per pair of channels over planes of whole blocks, with more sums than a chunk keeps, either way round.
        new(1, 150, 24, 32, 37, 1, 1, 0, true),
        new(2, 37, 24, 16, 150, 1, 1, 0, false),
        // Tiles of 2 x 2 outputs that 3 x 3 weights see: whole and cut, inside and at every border, of full blocks of images.
        new(32, 16, 8, 6, 24, 3, 1, 0, true),
        new(32, 16, 7, 9, 24, 3, 1, 1, true),
        new(32, 24, 5, 4, 16, 3, 1, new Padding2d(0, 2, 2, 1), false),
        new(64, 16, 4, 5, 32, 3, 1, 2, true),
        new(32, 24, 1, 3, 24, 3, 1, 1, false),
        new(3, 40, 7, 9, 33, 3, 1, 2, true),
        // The same with tiles of neighbouring places in the lanes: blocks that begin and end in any image, row and place.
        new(5, 24, 7, 9, 26, 3, 1, 1, true),
        new(1, 20, 12, 70, 24, 3, 1, new Padding2d(1, 0, 0, 2), true),
        new(7, 33, 3, 4, 40, 3, 1, (1, 0), false),
        new(2, 40, 70, 5, 63, 3, 1, (2, 1), true),
        new(11, 130, 4, 3, 134, 3, 1, 1, true),
        // Panels of pixels: of several images, in several depths, of rows that are short beside what a window reaches over, at
        // any stride, and of a kernel whose rows fall into the same set of a cache.
        new(5, 20, 9, 7, 24, 3, 2, 1, true),
        new(3, 70, 9, 13, 26, 3, 2, 1, false),
        new(7, 5, 6, 12, 16, (3, 7), (1, 2), (1, 0), true),
        new(9, 40, 5, 4, 36, (2, 4), 1, 0, true),
        // As many lanes past the last pixel as there are places between two rows of a register.
        new(1, 24, 3, 9, 26, (2, 3), 1, 0, true),
        new(2, 6, 23, 19, 8, 5, 3, (2, 0), true),
        new(1, 3, 60, 47, 64, 11, 4, 2, true),
        new(2, 24, 9, 8, 130, (4, 1), (2, 1), new Padding2d(3, 0, 1, 2), true),
        new(2, 1024, 5, 7, 26, 1, 2, 0, true),
        // A kernel of more weights per channel than addresses are kept of.
        new(1, 3, 41, 40, 2, (41, 38), 1, (0, 2), true),
        // Phases of stride 2: in several bands, in blocks of channels, with a kernel of one row or column, or of one weight.
        new(1, 5, 130, 90, 7, 3, 2, 1, true),
        new(2, 70, 30, 41, 9, 3, 2, 1, false),
        new(1, 3, 61, 64, 13, 7, 2, 3, true),
        new(2, 300, 9, 11, 40, (2, 3), 2, (0, 2), true),
        new(3, 20, 13, 17, 12, (1, 4), 2, (0, 3), false),
        new(2, 33, 15, 14, 27, 1, 2, 0, true),
        new(1, 2, 6, 7, 3, 1, 2, 1, true),
        new(1, 3, 4, 5, 6, 5, 2, 4, true),
        .. Batches.Select(batch => new ConvCase(batch, 3, 6, 5, 7, 3, 1, 1, true)),
        .. Batches.Select(batch => new ConvCase(batch, 3, 5, 7, 13, (2, 3), 1, 0, true)),
        .. from inChannels in Channels
           from outChannels in Channels
           select new ConvCase(3, inChannels, 4, 3, outChannels, (2, 3), 1, (0, 1), true),
    ];

    [TestCaseSource(nameof(Cases))]
    public void ForwardAndBackward_NormalNumbers_AreWithinRounding(ConvCase c) => CheckNormalNumbers(c, seed: 1);

    [TestCaseSource(nameof(Cases))]
    public void ForwardAndBackward_SmallIntegers_AreExact(ConvCase c) => CheckSmallIntegers(c);

    private static IEnumerable<ConvCase> SomeOfEveryKind() =>
        Batches.Select(batch => new ConvCase(batch, 3, 6, 5, 7, 3, 2, 1, true)).Concat(ManyChannels());

    [TestCaseSource(nameof(SomeOfEveryKind))]
    public void BackwardParameters_GivesTheGradientsOfBackward(ConvCase c)
    {
        var (x, weight, bias, gradOutput) = Inputs(c, RandomVector.Normal, seed: 3);

        var whole = Run(c, x, weight, bias, gradOutput);
        var parametersOnly = Run(c, x, weight, bias, gradOutput, needsInputGradient: false);

        Assert.That(parametersOnly.GradInput, Is.Null);
        parametersOnly.AssertEqual(whole);
    }

    [TestCaseSource(nameof(SomeOfEveryKind))]
    public void Backward_WithoutTheWeightGradient_GivesTheSameInputGradient(ConvCase c) => CheckInputGradientAlone(c);

    [Test]
    public void Forward_BatchesOfChangingSize_DoNotMix()
    {
        var layer = OnDevice(new Conv2d(3, 7, 3, padding: 1));
        var (weight, bias) = (Read(layer.Weight!.Value), Read(layer.Bias!.Value));
        foreach (var batch in new[] { 65, 1, 33, 17, 65 })
        {
            var c = new ConvCase(batch, 3, 6, 5, 7, 3, 1, 1, true);
            var x = Rounded(RandomVector.Normal(batch, (int)c.InputShape.ElementCount));
            var gradOutput = Rounded(RandomVector.Normal(batch + 1, (int)c.OutputShape.ElementCount));

            var output = Read(layer.Forward(TensorOf(x, c.InputShape)));
            var gradInput = Read(layer.Backward(TensorOf(gradOutput, c.OutputShape)));

            var actual = new AffineResult(
                output, gradInput, Read(layer.Weight.Gradient), Read(layer.Bias.Gradient));
            AssertWithinRounding(actual, c, x, weight, bias, gradOutput);
        }
    }

    [TestCase(33, 3, 7, 20)]
    [TestCase(3, 32, 33, 1)]
    public void Forward_NaNInOneImage_StaysInThatImage(int batch, int inChannels, int outChannels, int image)
    {
        var c = new ConvCase(batch, inChannels, 6, 5, outChannels, 3, 1, 1, true);
        var (x, weight, bias, gradOutput) = Inputs(c, RandomVector.Normal, seed: 4);
        var clean = Run(c, x, weight, bias, gradOutput).Output;
        var perImage = x.Length / c.Batch;
        Array.Fill(x, double.NaN, image * perImage, perImage);

        var output = Run(c, x, weight, bias, gradOutput).Output;

        var outPerImage = output.Length / c.Batch;
        Array.Fill(clean, double.NaN, image * outPerImage, outPerImage);
        ErrorBound.AssertEqual("output", output, clean);
    }

    [TestCase(33, 16, 24)]
    [TestCase(2, 40, 48)]
    public void NaNInOnePlace_ReachesNoWindowWithoutIt(int batch, int inChannels, int outChannels)
    {
        // In every image another place, so that it lies everywhere in what is computed together.
        var c = new ConvCase(batch, inChannels, 7, 6, outChannels, 3, 1, 1, true);
        var (x, weight, bias, gradOutput) = Inputs(c, RandomVector.Normal, seed: 6);
        var clean = Run(c, x, weight, bias, gradOutput);
        int places = 7 * 6, inImage = inChannels * places, outImage = outChannels * places;
        for (var image = 0; image < batch; image++)
        {
            x[image * inImage + image % inChannels * places + image % places] = double.NaN;
            gradOutput[image * outImage + image % outChannels * places + image % places] = double.NaN;
        }

        var result = Run(c, x, weight, bias, gradOutput);

        for (var image = 0; image < batch; image++)
        {
            SetNaNAround(image % places, clean.Output, image * outImage, outChannels);
            SetNaNAround(image % places, clean.GradInput!, image * inImage, inChannels);
        }

        ErrorBound.AssertEqual("output", result.Output, clean.Output);
        ErrorBound.AssertEqual("input gradient", result.GradInput!, clean.GradInput!);

        void SetNaNAround(int place, double[] values, int first, int channels)
        {
            for (var i = 0; i < channels * places; i++)
            {
                int y = i % places / 6, x = i % 6;
                if (Math.Abs(y - place / 6) <= 1 && Math.Abs(x - place % 6) <= 1)
                    values[first + i] = double.NaN;
            }
        }
    }
}
