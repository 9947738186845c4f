using CudaBn.Backends.Cpu;
using CudaBn.Backends.OpArgs;
using CudaBn.Tests.Layers;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cpu;

/// <summary>Convolutions of 3 x 3 at stride 1 on the CPU, which Winograd's minimal filtering computes, in shapes so large that
/// some values are picked and summed in double.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixture]
public class WinogradConvTests
{
    private const int Picked = 100;

    // Half the distance from 1 to the next Float32.
    private const double UnitRoundoff = 1.0 / (1 << 24);

    private static IEnumerable<string> Widths() =>
        TestBackends.CpuWidths.Where(width => width != SimdWidth.Scalar).Select(width => width.ToString());

    private static IEnumerable<ConvCase> Cases() =>
    [
        // The seed network's.
        new(256, 20, 12, 12, 50, 3, 1, 0, true),
        // Several bands of a block that is transposed once, results in several parts.
        new(32, 64, 28, 28, 70, 3, 1, 1, true),
        new(32, 16, 6, 20, 200, 3, 1, new Padding2d(0, 2, 2, 1), true),
        // A block of images that is not full.
        new(95, 24, 9, 7, 33, 3, 1, 2, true),
        // Weights whose inputs are transformed once for all parts, in several rounds, the last image being alone.
        new(33, 200, 4, 4, 240, 3, 1, 1, true),
        // Two parts, which transform the inputs each; several units of several images.
        new(9, 130, 9, 10, 140, 3, 1, 1, true),
        // Several units of an image.
        new(1, 64, 57, 56, 64, 3, 1, 1, true),
        new(3, 40, 5, 300, 48, 3, 1, (2, 0), true),
        // Tiles side by side, of images that are few, or many of many channels.
        new(4, 100, 14, 14, 110, 3, 1, 1, true),
        new(40, 64, 28, 28, 64, 3, 1, 1, true),
        // Kernels that are more than the tiles of all images, of which there are one block and several, the last not full.
        new(1, 96, 12, 10, 70, 3, 1, 1, true),
        new(1, 130, 14, 14, 140, 3, 1, 1, true),
        new(2, 90, 9, 15, 200, 3, 1, new Padding2d(0, 2, 2, 1), true),
    ];

    [Test]
    public void NormalNumbers_AreWithinRoundingOfSums(
        [ValueSource(nameof(Widths))] string width, [ValueSource(nameof(Cases))] ConvCase c)
    {
        var run = new Run(c, RandomVector.Normal);
        var result = run.On(width, threads: 3);
        run.Check(result, (terms, products, _) => 8 * Math.Sqrt(terms) * UnitRoundoff * products);
        result.AssertEqual(run.On(width, threads: 1));
    }

    /// <summary>Where neighbouring numbers are a million times as large, rounding is relative to the sum of the absolute inputs
    /// times that of the absolute weights, and not to the sum of their products.</summary>
    [Test]
    public void UnlikeNumbers_AreWithinRoundingOfWinogradsSums(
        [ValueSource(nameof(Widths))] string width, [ValueSource(nameof(Cases))] ConvCase c)
    {
        var run = new Run(c, UnlikeNumbers);
        run.Check(run.On(width, threads: 2), (terms, _, sums) => 8 * Math.Sqrt(terms) * UnitRoundoff * 4 * sums);
    }

    private static double[] UnlikeNumbers(int seed, int length)
    {
        var random = new Random(seed + 100);
        return Array.ConvertAll(RandomVector.Normal(seed, length), value => value * Math.Pow(10, random.Next(-3, 4)));
    }

    /// <summary>A convolution and its gradients, and single values of them in double.</summary>
    private sealed class Run(ConvCase c, Func<int, int, double[]> values)
    {
        private readonly float[] _x = Make(values, 1, c.InputShape);
        private readonly float[] _weight = Make(values, 2, c.WeightShape);
        private readonly float[] _bias = Make(values, 3, [c.OutChannels]);
        private readonly float[] _gradOutput = Make(values, 4, c.OutputShape);

        private int OutHeight => c.OutputShape[2];

        private int OutWidth => c.OutputShape[3];

        public AffineResult On(string width, int threads)
        {
            using var backend = new CpuBackend(threads, Enum.Parse<SimdWidth>(width));
            using var x = Tensor.From(_x, c.InputShape, backend.Device);
            using var weight = Tensor.From(_weight, c.WeightShape, backend.Device);
            using var bias = Tensor.From(_bias, [c.OutChannels], backend.Device);
            using var gradOutput = Tensor.From(_gradOutput, c.OutputShape, backend.Device);
            using var output = Poison(c.OutputShape, backend);
            using var gradInput = Poison(c.InputShape, backend);
            using var gradWeight = Poison(c.WeightShape, backend);
            using var gradBias = Poison([c.OutChannels], backend);
            var geometry = c.Geometry;
            backend.ConvForward(new ConvForwardArgs(geometry, x, weight, bias, output));
            backend.ConvBackward(new ConvBackwardArgs(geometry, x, weight, gradOutput, gradInput, gradWeight, gradBias));
            return new AffineResult(Read(output), Read(gradInput), Read(gradWeight), Read(gradBias));
        }

        /// <summary>Compares picked values.</summary>
        /// <param name="result">The values.</param>
        /// <param name="bound">The error allowed for a number of products, the sum of their absolute values, and the sum of the
        /// products of absolute sums that Winograd's are.</param>
        public void Check(AffineResult result, Func<double, double, double, double> bound)
        {
            var random = new Random(5);
            Assert.Multiple(() =>
            {
                Check("output", result.Output, Output);
                Check("input gradient", result.GradInput!, GradInput);
                Check("weight gradient", result.GradWeight, GradWeight);
                Check("bias gradient", result.GradBias!, GradBias);
            });

            void Check(string name, double[] actual, Func<int, Sum> exact)
            {
                var places = Enumerable.Range(0, Picked).Select(_ => random.Next(actual.Length)).Append(0)
                    .Append(actual.Length - 1).ToArray();
                var sums = Array.ConvertAll(places, place => exact(place));
                ErrorBound.AssertWithin(
                    name, Array.ConvertAll(places, place => actual[place]), Array.ConvertAll(sums, sum => sum.Value),
                    Array.ConvertAll(sums, sum => bound(sum.Terms, sum.Products, sum.ProductsOfSums)));
            }
        }

        private static float[] Make(Func<int, int, double[]> values, int seed, Shape shape) =>
            Array.ConvertAll(values(seed, (int)shape.ElementCount), value => (float)value);

        private static Tensor Poison(Shape shape, CpuBackend backend)
        {
            var tensor = new Tensor(shape, DType.Float32, backend.Device);
            backend.Fill(tensor, double.NaN);
            return tensor;
        }

        private static double[] Read(Tensor tensor) => Array.ConvertAll(tensor.ToArray<float>(), value => (double)value);

        private Sum Output(int place)
        {
            var (image, k, y, x) = Split(place, c.OutputShape);
            var sum = new Sum();
            sum.Add(_bias[k], 1);
            sum.AddGroup(Math.Abs(_bias[k]), 1);
            for (var channel = 0; channel < c.InChannels; channel++)
            {
                AddWindow(
                    ref sum, k, channel,
                    tap => Input(image, channel, y + tap / 3 - c.Padding.Top, x + tap % 3 - c.Padding.Left));
            }

            return sum;
        }

        private Sum GradInput(int place)
        {
            var (image, channel, y, x) = Split(place, c.InputShape);
            var sum = new Sum();
            for (var k = 0; k < c.OutChannels; k++)
            {
                AddWindow(
                    ref sum, k, channel,
                    tap => Gradient(image, k, y + c.Padding.Top - tap / 3, x + c.Padding.Left - tap % 3));
            }

            return sum;
        }

        /// <summary>Adds the products of the nine weights of a pair of channels with what each of them meets.</summary>
        private void AddWindow(ref Sum sum, int k, int channel, Func<int, double> met)
        {
            double values = 0, weights = 0;
            for (var tap = 0; tap < 9; tap++)
            {
                var value = met(tap);
                var weight = _weight[((k * c.InChannels) + channel) * 9 + tap];
                sum.Add(value, weight);
                values += Math.Abs(value);
                weights += Math.Abs(weight);
            }

            sum.AddGroup(values, weights);
        }

        private Sum GradWeight(int place)
        {
            var (k, channel, tapY, tapX) = Split(place, c.WeightShape);
            var sum = new Sum();
            for (var image = 0; image < c.Batch; image++)
            {
                for (var top = 0; top < OutHeight; top += 2)
                {
                    for (var left = 0; left < OutWidth; left += 2)
                    {
                        double inputs = 0, gradients = 0;
                        for (var i = 0; i < 4; i++)
                        {
                            var (y, x) = (top + i / 2, left + i % 2);
                            var gradient = Gradient(image, k, y, x);
                            sum.Add(gradient, Input(image, channel, y + tapY - c.Padding.Top, x + tapX - c.Padding.Left));
                            gradients += Math.Abs(gradient);
                        }

                        for (var i = 0; i < 16; i++)
                        {
                            inputs += Math.Abs(
                                Input(image, channel, top + i / 4 - c.Padding.Top, left + i % 4 - c.Padding.Left));
                        }

                        sum.AddGroup(inputs, gradients);
                    }
                }
            }

            return sum;
        }

        private Sum GradBias(int k)
        {
            var sum = new Sum();
            for (var i = 0; i < c.Batch * OutHeight * OutWidth; i++)
            {
                var (image, place) = Math.DivRem(i, OutHeight * OutWidth);
                var gradient = Gradient(image, k, place / OutWidth, place % OutWidth);
                sum.Add(gradient, 1);
                sum.AddGroup(Math.Abs(gradient), 1);
            }

            return sum;
        }

        private double Input(int image, int channel, int y, int x) => At(_x, c.InputShape, image, channel, y, x);

        private double Gradient(int image, int k, int y, int x) => At(_gradOutput, c.OutputShape, image, k, y, x);

        private static double At(float[] values, Shape shape, int first, int second, int y, int x) =>
            y < 0 || y >= shape[2] || x < 0 || x >= shape[3]
                ? 0
                : values[((first * shape[1] + second) * shape[2] + y) * shape[3] + x];

        private static (int First, int Second, int Y, int X) Split(int place, Shape shape) =>
            (place / shape[3] / shape[2] / shape[1], place / shape[3] / shape[2] % shape[1], place / shape[3] % shape[2],
             place % shape[3]);
    }

    private struct Sum
    {
        public double Value { get; private set; }

        public double Terms { get; private set; }

        public double Products { get; private set; }

        public double ProductsOfSums { get; private set; }

        public void Add(double a, double b)
        {
            Value += a * b;
            Products += Math.Abs(a * b);
            Terms += a == 0 ? 0 : 1;
        }

        public void AddGroup(double first, double second) => ProductsOfSums += first * second;
    }
}
