using BenchmarkDotNet.Attributes;
using CudaBn.Backends.OpArgs;
using CudaBn.Bench;

namespace CudaBn.Tests.Bench;

/// <summary>Benchmarks of ReLU, of which one computes something else.</summary>
public class WrongResultBenchmarks : OperatorBenchmarks<ElementwiseShape>
{
    public override IEnumerable<ElementwiseShape> Shapes => [new ElementwiseShape(2, 3, 8)];

    public override Work WorkOf(string benchmark) => Shape.Forward;

    [GlobalSetup(Target = nameof(Right))]
    public void SetUpRight() => SetUp(nameof(Right), faulty: -1);

    [Benchmark]
    public void Right() => Run();

    [GlobalSetup(Target = nameof(Wrong))]
    public void SetUpWrong() => SetUp(nameof(Wrong), faulty: 383);

    [Benchmark]
    public void Wrong() => Run();

    private void SetUp(string benchmark, int faulty) => Prepare(benchmark, () =>
    {
        Tensor input = Normal([2, 3, 8, 8]), output = Empty([2, 3, 8, 8]);
        return new(
            () =>
            {
                Backend.ReLUForward(new ReLUForwardArgs(input, output));
                if (faulty >= 0)
                    output.AsSpan<float>()[faulty] += 0.5f;
            },
            () => ReLUCheck.Forward(input, output));
    });
}
