using BenchmarkDotNet.Attributes;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

public class SgdBenchmarks : OperatorBenchmarks<SgdShape>
{
    private const double Rate = 1e-3;

    public override IEnumerable<SgdShape> Shapes => SgdShape.All;

    public override Work WorkOf(string benchmark) => Shape.Step;

    [GlobalSetup]
    public void SetUp() => Prepare(nameof(Step), () =>
    {
        var decay = Shape.Momentum == 0 ? 0 : 1e-4;
        var parameters = Shape.Parameters.Select((count, i) =>
        {
            var parameter = Own(new Parameter($"p{i}", [count], DType.Float32, Device));
            parameter.Value.CopyFrom(Normal([count]));
            parameter.Gradient.CopyFrom(Normal([count]));
            return parameter;
        }).ToArray();
        Tensor[] buffers = Shape.Momentum == 0 ? [] : [.. Shape.Parameters.Select(count => Normal([count]))];
        var rate = Full([1], Rate, DType.Float64);
        var largest = parameters.MaxBy(parameter => parameter.Value.ElementCount)!;
        var buffer = buffers.ElementAtOrDefault(Array.IndexOf(parameters, largest));
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

    private static double[] Numbers(Tensor tensor) => Array.ConvertAll(tensor.ToArray<float>(), value => (double)value);
}
