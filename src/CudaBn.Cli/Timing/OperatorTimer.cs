using CudaBn.Backends;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Cli;

/// <summary>Times the operators of a backend one by one, in Float32, on random normal numbers.</summary>
internal sealed class OperatorTimer(Device device, TimingPlan plan)
{
    // Longer tensors repeat these numbers: making them takes longer than what is timed.
    private const int RandomCount = 1 << 20;

    private readonly float[] _random = RandomNumbers(device);
    private readonly List<Tensor> _tensors = [];

    private Backend Backend => device.Backend;

    /// <summary>Times all operators.</summary>
    /// <returns>The rows, as they are had.</returns>
    public IEnumerable<OperatorTiming> Run() =>
        Convolution(256, 1, 20, 28, kernel: 5, padding: 0)
            .Concat(Convolution(256, 20, 50, 12, kernel: 3, padding: 0))
            .Concat(Convolution(32, 64, 64, 56, kernel: 3, padding: 1))
            .Concat(Convolution(32, 128, 128, 28, kernel: 3, padding: 1))
            .Concat(BatchNormalization(256, 20, 24))
            .Concat(BatchNormalization(32, 64, 112))
            .Concat(MaxPooling(256, 20, 24))
            .Concat(FusedBlock(256, 20, 24))
            .Concat(FusedBlock(256, 50, 10))
            .Concat(Dense(256, 1250, 128))
            .Concat(Rectifier(256, 20, 24));

    private IEnumerable<OperatorTiming> Convolution(
        int batch, int inChannels, int outChannels, int size, int kernel, int padding)
    {
        var outSize = size + (2 * padding) - kernel + 1;
        var geometry = new Conv2dGeometry(
            batch, inChannels, size, size, outChannels, outSize, outSize, kernel, kernel, 1, 1, padding, padding);
        var input = Normal([batch, inChannels, size, size]);
        var weight = Normal([outChannels, inChannels, kernel, kernel]);
        var bias = Normal([outChannels]);
        var output = Normal([batch, outChannels, outSize, outSize]);
        var gradOutput = Normal(output.Shape);
        var gradInput = Normal(input.Shape);
        var gradWeight = Normal(weight.Shape);
        var gradBias = Normal(bias.Shape);
        var work = NetworkWork.Convolution(batch, inChannels, outChannels, kernel, outSize, outSize);
        var padded = padding > 0 ? $" p{padding}" : "";
        var sizes = $"{batch}, {inChannels}->{outChannels}, {size}x{size}, k{kernel}{padded}";

        yield return Time($"conv forward {sizes}", work, WorkUnit.Flop, () => Backend.Conv2dForward(
            new Conv2dForwardArgs(geometry, input, weight, bias, output)));
        yield return Time($"conv backward {sizes}", 2 * work, WorkUnit.Flop, () => Backend.Conv2dBackward(
            new Conv2dBackwardArgs(geometry, input, weight, gradOutput, gradInput, gradWeight, gradBias)));
        yield return Time($"conv backward, weight only {sizes}", work, WorkUnit.Flop, () => Backend.Conv2dBackward(
            new Conv2dBackwardArgs(geometry, input, weight, gradOutput, GradInput: null, gradWeight, gradBias)));
        Release();
    }

    private IEnumerable<OperatorTiming> BatchNormalization(int batch, int channels, int size)
    {
        var geometry = new BatchNormGeometry(batch, channels, size * size);
        var input = Normal([batch, channels, size, size]);
        var gamma = Normal([channels]);
        var beta = Normal([channels]);
        var running = new RunningStatistics(
            Normal([channels]), Ones([channels]), Keep(Tensor.Zeros([1], DType.Int64, device)), 0.1, Unbiased: true);
        var output = Normal(input.Shape);
        var mean = Keep(new Tensor([channels], DType.Float64, device));
        var invStd = Keep(new Tensor([channels], DType.Float64, device));
        var gradInput = Normal(input.Shape);
        var gradGamma = Normal([channels]);
        var gradBeta = Normal([channels]);
        var sizes = $"{batch}x{channels}x{size}x{size}";

        yield return Time(
            $"batch norm forward {sizes}", 2 * input.ByteLength, WorkUnit.Byte, () => Backend.BatchNormForward(
                new BatchNormForwardArgs(geometry, input, gamma, beta, 1e-5, running, output, mean, invStd)));
        // The output serves as the gradient: it is normal, too, and forward is done.
        yield return Time(
            $"batch norm backward {sizes}", 3 * input.ByteLength, WorkUnit.Byte, () => Backend.BatchNormBackward(
                new BatchNormBackwardArgs(
                    geometry, input, gamma, mean, invStd, output, gradInput, gradGamma, gradBeta)));
        Release();
    }

    private IEnumerable<OperatorTiming> MaxPooling(int batch, int channels, int size)
    {
        var half = size / 2;
        var geometry = new MaxPool2dGeometry((long)batch * channels, size, size, half, half, 2, 2, 2, 2, 0, 0);
        var input = Normal([batch, channels, size, size]);
        var output = Normal([batch, channels, half, half]);
        var argMax = Keep(new Tensor(output.Shape, geometry.ArgMaxType, device));
        var gradOutput = Normal(output.Shape);
        var gradInput = Normal(input.Shape);
        var bytes = input.ByteLength + output.ByteLength;
        var sizes = $"{batch}x{channels}x{size}x{size}";

        yield return Time($"max pool 2 forward {sizes}", bytes, WorkUnit.Byte, () => Backend.MaxPool2dForward(
            new MaxPool2dForwardArgs(geometry, input, output, argMax)));
        yield return Time($"max pool 2 backward {sizes}", bytes, WorkUnit.Byte, () => Backend.MaxPool2dBackward(
            new MaxPool2dBackwardArgs(geometry, argMax, gradOutput, gradInput)));
        Release();
    }

    private IEnumerable<OperatorTiming> FusedBlock(int batch, int channels, int size)
    {
        var half = size / 2;
        var geometry = new BatchNormGeometry(batch, channels, size * size);
        var pool = new MaxPool2dGeometry((long)batch * channels, size, size, half, half, 2, 2, 2, 2, 0, 0);
        var input = Normal([batch, channels, size, size]);
        var gamma = Normal([channels]);
        var beta = Normal([channels]);
        var output = Normal([batch, channels, half, half]);
        var argMax = Keep(new Tensor(output.Shape, DType.UInt8, device));
        var mean = Keep(new Tensor([channels], DType.Float64, device));
        var invStd = Keep(new Tensor([channels], DType.Float64, device));
        var gradOutput = Normal(output.Shape);
        var gradInput = Normal(input.Shape);
        var gradGamma = Normal([channels]);
        var gradBeta = Normal([channels]);
        var bytes = input.ByteLength + output.ByteLength + argMax.ByteLength;
        var sizes = $"{batch}x{channels}x{size}x{size}";

        yield return Time(
            $"BN + ReLU + pool forward {sizes}", bytes, WorkUnit.Byte, () => Backend.BatchNormReLUMaxPoolForward(
                new BatchNormReLUMaxPoolForwardArgs(
                    geometry, pool, input, gamma, beta, 1e-5, Running: null, output, mean, invStd, argMax)));
        yield return Time(
            $"BN + ReLU + pool backward {sizes}", bytes + input.ByteLength, WorkUnit.Byte,
            () => Backend.BatchNormReLUMaxPoolBackward(
                new BatchNormReLUMaxPoolBackwardArgs(
                    geometry, pool, input, gamma, mean, invStd, argMax, gradOutput, gradInput, gradGamma, gradBeta)));
        Release();
    }

    private IEnumerable<OperatorTiming> Dense(int batch, int inFeatures, int outFeatures)
    {
        var geometry = new LinearGeometry(batch, inFeatures, outFeatures);
        var input = Normal([batch, inFeatures]);
        var weight = Normal([outFeatures, inFeatures]);
        var bias = Normal([outFeatures]);
        var output = Normal([batch, outFeatures]);
        var gradOutput = Normal(output.Shape);
        var gradInput = Normal(input.Shape);
        var gradWeight = Normal(weight.Shape);
        var gradBias = Normal(bias.Shape);
        var work = NetworkWork.Dense(batch, inFeatures, outFeatures);
        var sizes = $"{batch}x{inFeatures}->{outFeatures}";

        yield return Time($"linear forward {sizes}", work, WorkUnit.Flop, () => Backend.LinearForward(
            new LinearForwardArgs(geometry, input, weight, bias, output)));
        yield return Time($"linear backward {sizes}", 2 * work, WorkUnit.Flop, () => Backend.LinearBackward(
            new LinearBackwardArgs(geometry, input, weight, gradOutput, gradInput, gradWeight, gradBias)));
        Release();
    }

    private IEnumerable<OperatorTiming> Rectifier(int batch, int channels, int size)
    {
        var input = Normal([batch, channels, size, size]);
        var output = Normal(input.Shape);
        var gradOutput = Normal(input.Shape);
        var gradInput = Normal(input.Shape);
        var sizes = $"{batch}x{channels}x{size}x{size}";

        yield return Time($"ReLU forward {sizes}", 2 * input.ByteLength, WorkUnit.Byte, () => Backend.ReLUForward(
            new ReLUForwardArgs(input, output)));
        yield return Time($"ReLU backward {sizes}", 3 * input.ByteLength, WorkUnit.Byte, () => Backend.ReLUBackward(
            new ReLUBackwardArgs(output, gradOutput, gradInput)));
        Release();
    }

    private OperatorTiming Time(string name, long work, WorkUnit unit, Action run) =>
        new(name, plan.MedianMilliseconds(run), work, unit);

    private Tensor Normal(Shape shape)
    {
        var tensor = Keep(new Tensor(shape, DType.Float32, device));
        var values = tensor.AsSpan<float>();
        for (var start = 0; start < values.Length; start += _random.Length)
            _random.AsSpan(0, Math.Min(_random.Length, values.Length - start)).CopyTo(values[start..]);
        return tensor;
    }

    private Tensor Ones(Shape shape)
    {
        var tensor = Keep(new Tensor(shape, DType.Float32, device));
        Backend.Fill(tensor, 1);
        return tensor;
    }

    private Tensor Keep(Tensor tensor)
    {
        _tensors.Add(tensor);
        return tensor;
    }

    private void Release()
    {
        foreach (var tensor in _tensors)
            tensor.Dispose();
        _tensors.Clear();
    }

    private static float[] RandomNumbers(Device device)
    {
        using var numbers = new Tensor([RandomCount], DType.Float32, device);
        device.Backend.FillNormal(new RandomFillArgs(numbers, Seed: 1, Stream: 0, First: 0, Second: 1));
        return numbers.ToArray<float>();
    }
}
