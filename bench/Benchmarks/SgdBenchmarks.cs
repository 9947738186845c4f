using BenchmarkDotNet.Attributes;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

public class SgdBenchmarks : OptimizerBenchmarks<SgdShape>
{
    public override IEnumerable<SgdShape> Shapes => Suite.Choose(SgdShape.Usual, SgdShape.Usual, SgdShape.All);

    public override Work WorkOf(string benchmark) => Shape.Step;

    [GlobalSetup]
    public void SetUp() => Prepare(nameof(Step), () =>
    {
        var decay = Shape.Momentum == 0 ? 0 : 1e-4;
        var parameters = RandomParameters();
        Tensor[] buffers = Shape.Momentum == 0 ? [] : RandomBuffers();
        var rate = Full([1], Rate, DType.Float64);
        var largest = parameters[Largest];
        var buffer = buffers.ElementAtOrDefault(Largest);
        double[] before = Numbers(largest.Value), bufferBefore = buffer is null ? [] : Numbers(buffer);
        return new(
            () => Backend.SgdStep(new SgdArgs(
                parameters, buffers, FirstStep: false, rate, LearningRateFactor: 1, GradientScale: null, Shape.Momentum,
                Dampening: 0, decay, Nesterov: false)),
            () => SgdCheck.Step(
                before, bufferBefore, largest.Gradient, largest.Value, buffer, Rate, Shape.Momentum, decay));
    });

    [Benchmark]
    public void Step() => Run();
}
