using BenchmarkDotNet.Attributes;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

public partial class Conv2dBenchmarks : OperatorBenchmarks<Conv2dShape>
{
    public override IEnumerable<Conv2dShape> Shapes =>
        Suite.Choose(Conv2dShape.Quick, Conv2dShape.Usual, Conv2dShape.All);

    private Shape InputShape => [Shape.Batch, Shape.InChannels, Shape.Size, Shape.Size];

    private Shape WeightShape => [Shape.OutChannels, Shape.GroupInChannels, Shape.Kernel, Shape.Kernel];

    private Shape OutputShape => [Shape.Batch, Shape.OutChannels, Shape.OutSize, Shape.OutSize];

    public override Work WorkOf(string benchmark) => Shape.Work;

    [GlobalSetup(Target = nameof(Forward))]
    public void SetUpForward() => Prepare(nameof(Forward), () =>
    {
        Tensor input = Normal(InputShape), weight = Normal(WeightShape), output = Empty(OutputShape);
        return new(
            () => Backend.ConvForward(new ConvForwardArgs(Shape.Geometry, input, weight, Bias: null, output)),
            () => Conv2dCheck.Forward(Shape.Geometry, input, weight, output));
    });

    [Benchmark]
    public void Forward() => Run();

    [GlobalSetup(Target = nameof(OnnxRuntime))]
    public void SetUpOnnxRuntime() => Prepare(nameof(OnnxRuntime), () =>
    {
        Tensor input = Normal(InputShape), weight = Normal(WeightShape), output = Empty(OutputShape);
        var session = Own(new OnnxRuntimeSession(OnnxModel.Conv2d(Shape, weight), input, output));
        return new(
            session.Run, () => Conv2dCheck.Forward(Shape.Geometry, input, weight, output));
    });

    [Benchmark]
    [Peer(OnnxRuntimeSession.PeerName, of: nameof(Forward))]
    public void OnnxRuntime() => Run();

    [GlobalSetup(Target = nameof(InputGradient))]
    public void SetUpInputGradient() => Prepare(nameof(InputGradient), () =>
    {
        Tensor weight = Normal(WeightShape), gradOutput = Normal(OutputShape), gradInput = Empty(InputShape);
        // Read by the weight's gradient alone.
        var input = gradInput;
        return new(
            () => Backend.ConvBackward(new ConvBackwardArgs(
                Shape.Geometry, input, weight, gradOutput, gradInput, GradWeight: null, GradBias: null)),
            () => Conv2dCheck.InputGradient(Shape.Geometry, weight, gradOutput, gradInput));
    });

    [Benchmark]
    public void InputGradient() => Run();

    [GlobalSetup(Target = nameof(WeightGradient))]
    public void SetUpWeightGradient() => Prepare(nameof(WeightGradient), () =>
    {
        Tensor input = Normal(InputShape), weight = Normal(WeightShape), gradOutput = Normal(OutputShape);
        var gradWeight = Empty(WeightShape);
        return new(
            () => Backend.ConvBackward(new ConvBackwardArgs(
                Shape.Geometry, input, weight, gradOutput, GradInput: null, gradWeight, GradBias: null)),
            () => Conv2dCheck.WeightGradient(Shape.Geometry, input, gradOutput, gradWeight));
    });

    [Benchmark]
    public void WeightGradient() => Run();
}
