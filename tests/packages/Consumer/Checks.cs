using CudaBn;
using CudaBn.Onnx;

namespace Consumer;

/// <summary>What must hold of the packages, however the program that uses them was published.</summary>
internal static class Checks
{
    /// <summary>Compares a convolution of small whole numbers, which no rounding touches, with plain loops.</summary>
    public static void ConvolutionIsExact(Device device)
    {
        const int batch = 2, inputs = 3, outputs = 5, size = 9, kernel = 3;
        var x = WholeNumbers(batch * inputs * size * size, seed: 1);
        var weights = WholeNumbers(outputs * inputs * kernel * kernel, seed: 2);
        using var layer = new Conv2d(inputs, outputs, kernel, bias: false);
        layer.Initialize(device);
        layer.Parameters[0].Value.CopyFrom<float>(weights);
        using var input = Tensor.From<float>(x, [batch, inputs, size, size], device);
        var actual = layer.Forward(input).ToArray<float>();

        const int side = size - kernel + 1;
        for (var i = 0; i < actual.Length; i++)
        {
            var (n, output, row, column) = (i / (outputs * side * side), i / (side * side) % outputs, i / side % side, i % side);
            var expected = 0f;
            for (var c = 0; c < inputs; c++)
            {
                for (var k = 0; k < kernel * kernel; k++)
                {
                    var (y, z) = (row + (k / kernel), column + (k % kernel));
                    expected += x[(((((n * inputs) + c) * size) + y) * size) + z]
                        * weights[(((output * inputs) + c) * kernel * kernel) + k];
                }
            }

            if (actual[i] != expected)
                throw new InvalidOperationException($"Element {i} of a convolution is {actual[i]}, expected {expected}.");
        }
    }

    /// <summary>Compares the gradient of every fifth value of every parameter with central differences, in double.</summary>
    /// <returns>The greatest difference, relative to the greatest gradient of the parameter.</returns>
    public static double GradientError(Device device)
    {
        const double step = 1e-5;
        var random = new Random(3);
        using var model = Networks.Small();
        model.Initialize(device, DType.Float64, seed: 4);
        using var loss = new SoftmaxCrossEntropy();
        var pixels = Enumerable.Range(0, 4 * 28 * 28).Select(_ => random.NextDouble()).ToArray();
        using var images = Tensor.From<double>(pixels, [4, 1, 28, 28], device);
        using var labels = Tensor.From<int>([3, 1, 4, 9], [4], device);

        loss.Forward(model.Forward(images), labels);
        model.BackwardParameters(loss.Backward());
        var greatest = 0.0;
        foreach (var parameter in model.Parameters)
        {
            var values = parameter.Value.ToArray<double>();
            var gradients = parameter.Gradient.ToArray<double>();
            for (var i = 0; i < values.Length; i += Math.Max(5, values.Length / 8))
            {
                var difference = (LossWith(values[i] + step) - LossWith(values[i] - step)) / (2 * step);
                LossWith(values[i]);
                greatest = Math.Max(greatest, Math.Abs(difference - gradients[i]) / gradients.Max(Math.Abs));

                double LossWith(double value)
                {
                    var changed = values.ToArray();
                    changed[i] = value;
                    parameter.Value.CopyFrom<double>(changed);
                    return loss.Forward(model.Forward(images), labels).ToArray<double>()[0];
                }
            }
        }

        return greatest < 1e-6
            ? greatest
            : throw new InvalidOperationException($"A gradient is {greatest} off its finite difference.");
    }

    /// <summary>Saves a model, loads it into another, and compares what both make of a batch.</summary>
    public static void WeightsAreKept(Layer model, DataLoader data, Func<Layer> create)
    {
        var path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.safetensors");
        using var copy = create();
        copy.Initialize(model.Device, seed: 99);
        try
        {
            model.Save(path);
            copy.Load(path);
        }
        finally
        {
            File.Delete(path);
        }

        model.IsTraining = copy.IsTraining = false;
        foreach (var batch in data)
        {
            if (!model.Forward(batch.Images).ToArray<float>().SequenceEqual(copy.Forward(batch.Images).ToArray<float>()))
                throw new InvalidOperationException("Loaded weights give other outputs than those that were saved.");
        }
    }

    /// <summary>Saves a training in the middle of an epoch, and compares where it goes from there with where another goes that is
    /// restored from what was saved.</summary>
    public static void CheckpointGoesOn(Device device, ImageDataset images)
    {
        var path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.safetensors");
        try
        {
            var expected = WeightsAfter(device, images, seed: 1, (trainer, batches) =>
            {
                foreach (var batch in batches)
                {
                    trainer.Step(batch);
                    if (trainer.StepsDone == 2)
                        Checkpoint.Save(trainer, batches, path, new Dictionary<string, string> { ["note"] = "mine" });
                }
            });
            var actual = WeightsAfter(device, images, seed: 99, (trainer, batches) =>
            {
                if (Checkpoint.Load(trainer, batches, path)["note"] != "mine" || trainer.StepsDone != 2)
                    throw new InvalidOperationException("A checkpoint loses its texts or its place.");
                foreach (var batch in batches.Remaining())
                    trainer.Step(batch);
            });
            if (!actual.SequenceEqual(expected))
                throw new InvalidOperationException("Training from a checkpoint comes to other weights.");
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>Writes a model as an ONNX model, reads that as another, and compares what both make of a batch.</summary>
    /// <returns>The greatest difference, relative to the greatest output.</returns>
    public static double OnnxError(Layer model, DataLoader data)
    {
        var path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.onnx");
        try
        {
            OnnxExport.Save(model, path, inputShape: [1, 1, 28, 28]);
            using var imported = OnnxImport.Load(path, model.Device);
            model.IsTraining = imported.IsTraining = false;
            var greatest = 0.0;
            foreach (var batch in data)
            {
                var (expected, actual) =
                    (model.Forward(batch.Images).ToArray<float>(), imported.Forward(batch.Images).ToArray<float>());
                greatest = Math.Max(
                    greatest, expected.Zip(actual, (x, y) => Math.Abs(x - y)).Max() / expected.Max(Math.Abs));
            }

            return greatest < 1e-5
                ? greatest
                : throw new InvalidOperationException($"An output of the ONNX model is {greatest} off.");
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static float[] WeightsAfter(
        Device device, ImageDataset images, ulong seed, Action<Trainer, DataLoader> train)
    {
        using var model = Networks.Small();
        model.Initialize(device, seed: seed);
        using var batches = new DataLoader(images, batchSize: 64, device, shuffle: true, seed: 1);
        using var loss = new SoftmaxCrossEntropy();
        using var adam = new Adam(model.Parameters, learningRate: 0.01);
        using var trainer = new Trainer(model, loss, adam, LearningRateSchedule.Cosine(0.01, total: 8));
        train(trainer, batches);
        return [.. model.Parameters.SelectMany(parameter => parameter.Value.ToArray<float>())];
    }

    private static float[] WholeNumbers(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)random.Next(-8, 9))];
    }
}
