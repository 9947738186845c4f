using BenchmarkDotNet.Attributes;
using CudaBn.Backends.OpArgs;
using TorchSharp;

namespace CudaBn.Bench;

public partial class MaxPool2dBenchmarks
{
    [GlobalSetup(Target = nameof(LibTorchForward))]
    public void SetUpLibTorchForward() => Prepare(nameof(LibTorchForward), () =>
    {
        var (input, output, argMax) = Buffers();
        Backend.MaxPoolForward(new MaxPoolForwardArgs(Shape.Geometry, input, output, argMax));
        var x = Own(LibTorch.Of(input));
        var operation = Own(new LibTorchOperation(() =>
        {
            using var noGradients = torch.no_grad();
            return [Pooling(x)];
        }));
        return new(operation.Run, () =>
        {
            LibTorch.Copy(operation.Results[0], output);
            MaxPool2dCheck.Forward(Shape.Geometry, input, output, argMax);
        });
    });

    [Benchmark]
    [Peer(LibTorch.PeerName, of: nameof(Forward))]
    public void LibTorchForward() => Run();

    [GlobalSetup(Target = nameof(LibTorchBackward))]
    public void SetUpLibTorchBackward() => Prepare(nameof(LibTorchBackward), () =>
    {
        var (input, output, argMax) = Buffers();
        Backend.MaxPoolForward(new MaxPoolForwardArgs(Shape.Geometry, input, output, argMax));
        var gradOutput = Normal(Shape.Output);
        var x = Own(LibTorch.Of(input).requires_grad_());
        torch.Tensor y = Own(Pooling(x)), dy = Own(LibTorch.Of(gradOutput));
        var operation = Own(new LibTorchOperation(() => LibTorch.Gradients(y, dy, x)));
        return new(operation.Run, () =>
        {
            LibTorch.Copy(operation.Results[0], input);
            MaxPool2dCheck.Backward(Shape.Geometry, argMax, gradOutput, input);
        });
    });

    [Benchmark]
    [Peer(LibTorch.PeerName, of: nameof(Backward))]
    public void LibTorchBackward() => Run();

    private torch.Tensor Pooling(torch.Tensor input) => torch.nn.functional.max_pool2d(
        input, kernel_size: [Shape.Window, Shape.Window], strides: [Shape.Stride, Shape.Stride],
        padding: [Shape.Padding, Shape.Padding]);
}
