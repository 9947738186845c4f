using BenchmarkDotNet.Attributes;
using CudaBn.Backends.OpArgs;
using TorchSharp;

namespace CudaBn.Bench;

public partial class BatchNormBenchmarks
{
    [GlobalSetup(Target = nameof(LibTorchForward))]
    public void SetUpLibTorchForward() => Prepare(nameof(LibTorchForward), () =>
    {
        var (input, gamma, beta) = (Normal(Shape.TensorShape), Normal([Shape.Channels]), Normal([Shape.Channels]));
        var (output, mean, invStd) = (Empty(Shape.TensorShape), Statistics(), Statistics());
        // The statistics, which this peer keeps to itself.
        Backend.BatchNormForward(new BatchNormForwardArgs(
            Shape.Geometry, input, gamma, beta, Epsilon, Running: null, output, mean, invStd));
        torch.Tensor x = Own(LibTorch.Of(input)), scale = Own(LibTorch.Of(gamma)), shift = Own(LibTorch.Of(beta));
        torch.Tensor means = Own(torch.zeros(Shape.Channels)), variances = Own(torch.ones(Shape.Channels));
        var operation = Own(new LibTorchOperation(() =>
        {
            using var noGradients = torch.no_grad();
            return [torch.nn.functional.batch_norm(x, means, variances, scale, shift, training: true, 0.1, Epsilon)];
        }));
        return new(operation.Run, () =>
        {
            LibTorch.Copy(operation.Results[0], output);
            BatchNormCheck.Forward(Shape.Geometry, input, gamma, beta, Epsilon, output, mean, invStd);
        });
    });

    [Benchmark]
    [Peer(LibTorch.PeerName, of: nameof(Forward))]
    public void LibTorchForward() => Run();

    [GlobalSetup(Target = nameof(LibTorchBackward))]
    public void SetUpLibTorchBackward() => Prepare(nameof(LibTorchBackward), () =>
    {
        Tensor input = Normal(Shape.TensorShape), gradOutput = Normal(Shape.TensorShape);
        Tensor gamma = Normal([Shape.Channels]), beta = Normal([Shape.Channels]), gradInput = Empty(input.Shape);
        var (mean, invStd) = (Statistics(), Statistics());
        Backend.BatchNormForward(new BatchNormForwardArgs(
            Shape.Geometry, input, gamma, beta, Epsilon, Running: null, gradInput, mean, invStd));
        var x = Own(LibTorch.Of(input).requires_grad_());
        var scale = Own(LibTorch.Of(gamma).requires_grad_());
        var shift = Own(LibTorch.Of(beta).requires_grad_());
        var y = Own(torch.nn.functional.batch_norm(
            x, Own(torch.zeros(Shape.Channels)), Own(torch.ones(Shape.Channels)), scale, shift, training: true, 0.1,
            Epsilon));
        var dy = Own(LibTorch.Of(gradOutput));
        var operation = Own(new LibTorchOperation(() => LibTorch.Gradients(y, dy, x, scale, shift)));
        return new(operation.Run, () =>
        {
            LibTorch.Copy(operation.Results[0], gradInput);
            Tensor gradGamma = Empty([Shape.Channels]), gradBeta = Empty([Shape.Channels]);
            LibTorch.Copy(operation.Results[1], gradGamma);
            LibTorch.Copy(operation.Results[2], gradBeta);
            BatchNormCheck.Backward(
                Shape.Geometry, input, gamma, mean, invStd, gradOutput, gradInput, gradGamma, gradBeta);
        });
    });

    [Benchmark]
    [Peer(LibTorch.PeerName, of: nameof(Backward))]
    public void LibTorchBackward() => Run();

    private Tensor Statistics() => Empty([Shape.Channels], DType.Float64);
}
