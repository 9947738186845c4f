using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Gradients;

/// <summary>The seed network, shrunken, from images to loss against central differences, in double.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InFloat64))]
public class SeedNetworkGradientTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private const int Images = 6;

    // The steps of finite differences move activations by some 1e-6.
    private const double KinkDistance = 1e-4;

    private static readonly Shape InputShape = [Images, 1, 12, 12];

    [Test]
    public void Backward_WholeNetwork_AgainstFiniteDifferences()
    {
        var network = OnDevice(CreateNetwork());
        var loss = Own(new SoftmaxCrossEntropy());
        var labels = LabelsOf(2, 0, 1, 1, 0, 2);
        var x = RandomVector.Normal(2, (int)InputShape.ElementCount);
        var input = TensorOf(x, InputShape);
        AssertAwayFromKinks(network, input);

        loss.Forward(network.Forward(input), labels);
        var gradInput = Read(network.Backward(loss.Backward()));

        Assert.Multiple(() =>
        {
            GradientAssert.Matches("input", gradInput, LossGradient(input));
            foreach (var parameter in network.Parameters)
            {
                var (gradient, expected) = (Read(parameter.Gradient), LossGradient(parameter.Value));
                // Batch normalization takes a channel's bias out again: a gradient of zero has no relative error.
                if (parameter.Name is "conv1.bias" or "conv2.bias")
                    Assert.That(gradient.Concat(expected).Max(Math.Abs), Is.LessThan(1e-8), parameter.Name);
                else
                    GradientAssert.Matches(parameter.Name, gradient, expected);
            }
        });

        double[] LossGradient(Tensor tensor) => GradientAt(
            tensor, () => Read(loss.Forward(network.Forward(input), labels))[0]);
    }

    /// <summary>The gradient by central differences at what a tensor holds, which it holds again afterwards.</summary>
    private static double[] GradientAt(Tensor tensor, Func<double> loss)
    {
        var center = Read(tensor);
        var gradient = FiniteDifference.Gradient(
            at =>
            {
                Write(at, tensor);
                return loss();
            }, center);
        Write(center, tensor);
        return gradient;
    }

    private static Sequential CreateNetwork()
    {
        var weights = Initializer.Normal(0, 0.5);
        var gammas = Initializer.Uniform(0.5, 1.5);
        return new Sequential(
            new Conv2d(1, 3, kernel: 3, weightInitializer: weights, biasInitializer: weights),
            new BatchNorm(3, gammaInitializer: gammas, betaInitializer: weights),
            new ReLU(),
            new MaxPool2d(2),
            new Conv2d(3, 4, kernel: 3, weightInitializer: weights, biasInitializer: weights),
            new BatchNorm(4, gammaInitializer: gammas, betaInitializer: weights),
            new ReLU(),
            new Flatten(),
            new Linear(36, 5, weightInitializer: weights, biasInitializer: weights),
            new ReLU(),
            new Linear(5, 3, weightInitializer: weights, biasInitializer: weights));
    }

    private static void AssertAwayFromKinks(Sequential network, Tensor input)
    {
        foreach (var layer in network.Layers)
        {
            if (layer is ReLU)
                Assert.That(Read(input).Min(Math.Abs), Is.GreaterThan(KinkDistance), layer.Name);
            if (layer is MaxPool2d)
                Assert.That(SmallestLead(input), Is.GreaterThan(KinkDistance), layer.Name);
            input = layer.Forward(input);
        }
    }

    /// <summary>The least distance between the two greatest values of a window of 2 x 2. Zeros come from the rectifier
    /// and stay zero, so a tie of them is none.</summary>
    private static double SmallestLead(Tensor input)
    {
        var (x, shape) = (Read(input), input.Shape);
        int height = shape[2], width = shape[3];
        var smallest = double.PositiveInfinity;
        for (var plane = 0; plane < shape[0] * shape[1]; plane++)
        for (var row = 0; row + 1 < height; row += 2)
        for (var column = 0; column + 1 < width; column += 2)
        {
            var at = (plane * height + row) * width + column;
            double[] window = [x[at], x[at + 1], x[at + width], x[at + width + 1]];
            Array.Sort(window);
            if (window[3] > 0)
                smallest = Math.Min(smallest, window[3] - window[2]);
        }

        return smallest;
    }
}
