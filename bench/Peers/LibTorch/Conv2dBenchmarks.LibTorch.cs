using BenchmarkDotNet.Attributes;
using TorchSharp;

namespace CudaBn.Bench;

public partial class Conv2dBenchmarks
{
    [GlobalSetup(Target = nameof(LibTorchForward))]
    public void SetUpLibTorchForward() => Prepare(nameof(LibTorchForward), () =>
    {
        Tensor input = Normal(InputShape), weight = Normal(WeightShape), output = Empty(OutputShape);
        torch.Tensor x = Own(LibTorch.Of(input)), w = Own(LibTorch.Of(weight));
        var operation = Own(new LibTorchOperation(() =>
        {
            using var noGradients = torch.no_grad();
            return [Convolution(x, w)];
        }));
        return new(operation.Run, () =>
        {
            LibTorch.Copy(operation.Results[0], output);
            Conv2dCheck.Forward(Shape.Geometry, input, weight, output);
        });
    });

    [Benchmark]
    [Peer(LibTorch.PeerName, of: nameof(Forward))]
    public void LibTorchForward() => Run();

    [GlobalSetup(Target = nameof(LibTorchInputGradient))]
    public void SetUpLibTorchInputGradient() => Prepare(nameof(LibTorchInputGradient), () =>
    {
        Tensor input = Normal(InputShape), weight = Normal(WeightShape), gradOutput = Normal(OutputShape);
        var x = Own(LibTorch.Of(input).requires_grad_());
        var y = Own(Convolution(x, Own(LibTorch.Of(weight))));
        var dy = Own(LibTorch.Of(gradOutput));
        var operation = Own(new LibTorchOperation(() => LibTorch.Gradients(y, dy, x)));
        return new(operation.Run, () =>
        {
            LibTorch.Copy(operation.Results[0], input);
            Conv2dCheck.InputGradient(Shape.Geometry, weight, gradOutput, input);
        });
    });

    [Benchmark]
    [Peer(LibTorch.PeerName, of: nameof(InputGradient))]
    public void LibTorchInputGradient() => Run();

    [GlobalSetup(Target = nameof(LibTorchWeightGradient))]
    public void SetUpLibTorchWeightGradient() => Prepare(nameof(LibTorchWeightGradient), () =>
    {
        Tensor input = Normal(InputShape), weight = Normal(WeightShape), gradOutput = Normal(OutputShape);
        var w = Own(LibTorch.Of(weight).requires_grad_());
        var y = Own(Convolution(Own(LibTorch.Of(input)), w));
        var dy = Own(LibTorch.Of(gradOutput));
        var operation = Own(new LibTorchOperation(() => LibTorch.Gradients(y, dy, w)));
        return new(operation.Run, () =>
        {
            LibTorch.Copy(operation.Results[0], weight);
            Conv2dCheck.WeightGradient(Shape.Geometry, input, gradOutput, weight);
        });
    });

    [Benchmark]
    [Peer(LibTorch.PeerName, of: nameof(WeightGradient))]
    public void LibTorchWeightGradient() => Run();

    private torch.Tensor Convolution(torch.Tensor input, torch.Tensor weight) => torch.nn.functional.conv2d(
        input, weight, strides: [Shape.Stride, Shape.Stride], padding: [Shape.Padding, Shape.Padding],
        dilation: [Shape.Dilation, Shape.Dilation], groups: Shape.Groups);
}
