using BenchmarkDotNet.Attributes;
using TorchSharp;

namespace CudaBn.Bench;

public partial class LinearBenchmarks
{
    [GlobalSetup(Target = nameof(LibTorchForward))]
    public void SetUpLibTorchForward() => Prepare(nameof(LibTorchForward), () =>
    {
        Tensor input = Normal([Shape.Batch, Shape.InFeatures]), weight = Normal([Shape.OutFeatures, Shape.InFeatures]);
        Tensor bias = Normal([Shape.OutFeatures]), output = Empty([Shape.Batch, Shape.OutFeatures]);
        torch.Tensor x = Own(LibTorch.Of(input)), w = Own(LibTorch.Of(weight)), b = Own(LibTorch.Of(bias));
        var operation = Own(new LibTorchOperation(() =>
        {
            using var noGradients = torch.no_grad();
            return [torch.nn.functional.linear(x, w, b)];
        }));
        return new(operation.Run, () =>
        {
            LibTorch.Copy(operation.Results[0], output);
            LinearCheck.Forward(Shape.Geometry, input, weight, bias, output);
        });
    });

    [Benchmark]
    [Peer(LibTorch.PeerName, of: nameof(Forward))]
    public void LibTorchForward() => Run();

    [GlobalSetup(Target = nameof(LibTorchBackward))]
    public void SetUpLibTorchBackward() => Prepare(nameof(LibTorchBackward), () =>
    {
        Tensor input = Normal([Shape.Batch, Shape.InFeatures]), weight = Normal([Shape.OutFeatures, Shape.InFeatures]);
        Tensor bias = Normal([Shape.OutFeatures]), gradOutput = Normal([Shape.Batch, Shape.OutFeatures]);
        var x = Own(LibTorch.Of(input).requires_grad_());
        var w = Own(LibTorch.Of(weight).requires_grad_());
        var b = Own(LibTorch.Of(bias).requires_grad_());
        torch.Tensor y = Own(torch.nn.functional.linear(x, w, b)), dy = Own(LibTorch.Of(gradOutput));
        var operation = Own(new LibTorchOperation(() => LibTorch.Gradients(y, dy, x, w, b)));
        return new(operation.Run, () =>
        {
            Tensor gradInput = Empty(input.Shape), gradWeight = Empty(weight.Shape), gradBias = Empty(bias.Shape);
            LibTorch.Copy(operation.Results[0], gradInput);
            LibTorch.Copy(operation.Results[1], gradWeight);
            LibTorch.Copy(operation.Results[2], gradBias);
            LinearCheck.Backward(Shape.Geometry, input, weight, gradOutput, gradInput, gradWeight, gradBias);
        });
    });

    [Benchmark]
    [Peer(LibTorch.PeerName, of: nameof(Backward))]
    public void LibTorchBackward() => Run();
}
