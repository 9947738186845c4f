using BenchmarkDotNet.Attributes;

namespace CudaBn.Bench;

/// <summary>ResNet-18 in evaluation, made ready for use: every batch normalization folded into the convolution before
/// it.</summary>
public class ResidualInferenceBenchmarks : OperatorBenchmarks<ResidualInferenceShape>
{
    public override IEnumerable<ResidualInferenceShape> Shapes => ResidualInferenceShape.Usual;

    public override Work WorkOf(string benchmark) => Shape.Work;

    /// <inheritdoc/>
    /// <remarks>The seed network's inference stands for networks where time is short.</remarks>
    public override bool RunsOn(string benchmark, string device) => !Suite.IsQuick;

    [GlobalSetup(Target = nameof(Forward))]
    public void SetUpForward() => Prepare(nameof(Forward), () =>
    {
        var model = Own(FusedModel());
        var input = Normal(Shape.Input);
        Tensor? output = null;
        return new(() => output = model.Forward(input), () => CheckOutput(model, input, output!));
    });

    [Benchmark]
    public void Forward() => Run();

    [GlobalSetup(Target = nameof(OnnxRuntime))]
    public void SetUpOnnxRuntime() => Prepare(nameof(OnnxRuntime), () =>
    {
        var model = Own(FusedModel());
        Tensor input = Normal(Shape.Input), output = Empty([Shape.Batch, ResidualInferenceShape.Classes]);
        var session = Own(new OnnxRuntimeSession(OnnxModel.Of(model, input.Shape), input, output));
        return new(session.Run, () => CheckOutput(model, input, output));
    });

    [Benchmark]
    [Peer(OnnxRuntimeSession.PeerName, of: nameof(Forward))]
    public void OnnxRuntime() => Run();

    private Sequential FusedModel()
    {
        using var model = ResNet18.Create();
        model.Initialize(Device, seed: 1);
        model.IsTraining = false;
        return model.Fuse();
    }

    /// <summary>Compares with the same network in double: every layer on a value's way may round as much as the widest sum, beside
    /// the largest output, to which layers bring what they are given.</summary>
    private void CheckOutput(Sequential model, Tensor input, Tensor output)
    {
        using var source = ResNet18.Create();
        source.Initialize(Device.Cpu, DType.Float64);
        source.IsTraining = false;
        using var exact = source.Fuse();
        foreach (var (from, to) in model.State.Zip(exact.State))
            to.Tensor.CopyFrom<double>(Array.ConvertAll(from.Tensor.ToArray<float>(), value => (double)value));
        using var images = Tensor.From<double>(
            Array.ConvertAll(input.ToArray<float>(), value => (double)value), input.Shape, Device.Cpu);
        var expected = exact.Forward(images).ToArray<double>();
        var actual = output.ToArray<float>();
        var bound = Check.SumBound(
            ResidualInferenceShape.Depth * ResidualInferenceShape.Depth * Shape.MostTerms, expected.Max(Math.Abs));
        for (var i = 0; i < expected.Length; i++)
            Check.Close("output", i, actual[i], expected[i], bound);
    }
}
