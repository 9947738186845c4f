using BenchmarkDotNet.Attributes;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

public class AdamBenchmarks : OptimizerBenchmarks<AdamShape>
{
    private const double Beta1 = 0.9;
    private const double Beta2 = 0.999;
    private const double Epsilon = 1e-8;
    private const long StepsBefore = 99;

    public override IEnumerable<AdamShape> Shapes => Suite.Choose(AdamShape.Usual, AdamShape.Usual, AdamShape.All);

    public override Work WorkOf(string benchmark) => Shape.Step;

    [GlobalSetup]
    public void SetUp() => Prepare(nameof(Step), () =>
    {
        var parameters = RandomParameters();
        Tensor[] firstMoments = RandomBuffers(), secondMoments = [.. Shape.Parameters.Select(SecondMoment)];
        var steps = Empty([parameters.Length], DType.Int64);
        steps.CopyFrom<long>(Enumerable.Repeat(StepsBefore, parameters.Length).ToArray());
        int[] indices = [.. Enumerable.Range(0, parameters.Length)];
        var rate = Full([1], Rate, DType.Float64);
        Tensor value = parameters[Largest].Value, gradient = parameters[Largest].Gradient;
        Tensor first = firstMoments[Largest], second = secondMoments[Largest];
        var before = new AdamCheck.State(Numbers(value), Numbers(first), Numbers(second));
        return new(
            () => Backend.AdamStep(new AdamArgs(
                parameters, firstMoments, secondMoments, steps, indices, rate, LearningRateFactor: 1, GradientScale: null,
                Beta1, Beta2, Epsilon, Shape.WeightDecay, DecouplesWeightDecay: true)),
            () => AdamCheck.Step(
                before, gradient, value, first, second, StepsBefore + 1, Rate, Beta1, Beta2, Epsilon, Shape.WeightDecay));
    });

    [Benchmark]
    public void Step() => Run();

    // A mean of squares: positive.
    private Tensor SecondMoment(int count)
    {
        var moment = Empty([count]);
        Backend.FillUniform(new RandomFillArgs(moment, Seed: 1, Stream: 0, First: 0.1, Second: 2));
        return moment;
    }
}
