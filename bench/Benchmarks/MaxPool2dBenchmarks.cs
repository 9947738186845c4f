using BenchmarkDotNet.Attributes;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

public partial class MaxPool2dBenchmarks : OperatorBenchmarks<MaxPool2dShape>
{
    public override IEnumerable<MaxPool2dShape> Shapes => Suite.IsQuick ? MaxPool2dShape.Quick : MaxPool2dShape.All;

    public override Work WorkOf(string benchmark) => benchmark == nameof(Backward) ? Shape.Backward : Shape.Forward;

    [GlobalSetup(Target = nameof(Forward))]
    public void SetUpForward() => Prepare(nameof(Forward), () =>
    {
        var (input, output, argMax) = Buffers();
        return new(
            () => Backend.MaxPoolForward(new MaxPoolForwardArgs(Shape.Geometry, input, output, argMax)),
            () => MaxPool2dCheck.Forward(Shape.Geometry, input, output, argMax));
    });

    [Benchmark]
    public void Forward() => Run();

    [GlobalSetup(Target = nameof(OnnxRuntime))]
    public void SetUpOnnxRuntime() => Prepare(nameof(OnnxRuntime), () =>
    {
        var (input, output, argMax) = Buffers();
        // The places of the maxima, which training needs and this peer does not compute.
        Backend.MaxPoolForward(new MaxPoolForwardArgs(Shape.Geometry, input, output, argMax));
        Backend.Clear(output);
        var layer = Own(new MaxPool2d(Shape.Window, Shape.Stride, Shape.Padding));
        var session = Own(OnnxRuntimeSession.Of(layer, input, output));
        return new(
            session.Run, () => MaxPool2dCheck.Forward(Shape.Geometry, input, output, argMax));
    });

    [Benchmark]
    [Peer(OnnxRuntimeSession.PeerName, of: nameof(Forward))]
    public void OnnxRuntime() => Run();

    [GlobalSetup(Target = nameof(Backward))]
    public void SetUpBackward() => Prepare(nameof(Backward), () =>
    {
        var (input, output, argMax) = Buffers();
        Backend.MaxPoolForward(new MaxPoolForwardArgs(Shape.Geometry, input, output, argMax));
        // Backward writes over the input, which it does not read.
        Tensor gradOutput = Normal(Shape.Output), gradInput = input;
        return new(
            () => Backend.MaxPoolBackward(new MaxPoolBackwardArgs(Shape.Geometry, argMax, gradOutput, gradInput)),
            () => MaxPool2dCheck.Backward(Shape.Geometry, argMax, gradOutput, gradInput));
    });

    [Benchmark]
    public void Backward() => Run();

    private (Tensor Input, Tensor Output, Tensor ArgMax) Buffers() =>
        (Normal(Shape.Input), Empty(Shape.Output), Empty(Shape.Output, Shape.Geometry.ArgMaxType));
}
