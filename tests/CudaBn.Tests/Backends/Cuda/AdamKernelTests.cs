using CudaBn.Backends.Cuda;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.CudaInEveryType))]
public class AdamKernelTests(TestBackend backend, DType dtype) : KernelFixture(backend, dtype)
{
    private const double LearningRate = 0.25, Factor = 0.5, Beta1 = 0.5, Beta2 = 0.75, Epsilon = 0.5;

    // One value, a chunk of 1,024 less one, exactly, and one more, some chunks and a prime.
    private static readonly int[] Sizes = [1, 1023, 1024, 1025, 3, 4099];

    [Test]
    public void AnyBlockSizeAndAlignment_FollowsTheReference(
        [Values(1, 32, 96, 1024)] int threads, [Values] bool isAligned, [Values] bool decoupled, [Values(1, 7)] int step)
    {
        double[][] Values(int seed, Func<double, double> map) => [.. Sizes.Select(
            (size, i) => Rounded(Array.ConvertAll(RandomVector.Normal(seed + i, size), v => map(v))))];
        var (values, gradients) = (Values(0, v => v), Values(10, v => v));
        // A second moment away from 0, and a first one that it bounds: the quotient is of the size of 1.
        var (first, second) = (Values(20, v => v / 4), Values(30, v => 1 + v * v));
        Tensor[] On(double[][] all) => Array.ConvertAll(
            all, one => isAligned ? TensorOf(one, [one.Length]) : Shifted(one, [one.Length]));
        var (value, gradient, m, v) = (On(values), On(gradients), On(first), On(second));

        Step(value, gradient, m, v, threads, decoupled, step);

        for (var i = 0; i < Sizes.Length; i++)
        {
            var magnitude = values[i].Zip(gradients[i], (x, g) => 4 + Math.Abs(x) + Math.Abs(g)).ToArray();
            ReferenceAdam.Step(
                values[i], gradients[i], first[i], second[i], step, LearningRate * Factor, Beta1, Beta2, Epsilon, 0.25,
                decoupled);
            Within($"first moment {i}", m[i], first[i]);
            Within($"second moment {i}", v[i], second[i]);
            Within($"value {i}", value[i], values[i]);
            ErrorBound.AssertExact($"gradient {i}", Read(gradient[i]), gradients[i]);

            void Within(string name, Tensor actual, double[] expected) => ErrorBound.AssertWithin(
                name, Read(actual), expected,
                Array.ConvertAll(magnitude, size => 16 * UnitRoundoff * size * size));
        }
    }

    [Test]
    public void Step_Recorded_CountsByItself([Values] bool decoupled)
    {
        var parameter = Own(new Parameter("p", [300], DType, Device));
        var value = Rounded(RandomVector.Normal(1, 300));
        var gradient = Rounded(Array.ConvertAll(RandomVector.Normal(2, 300), g => g + Math.Sign(g)));
        var (first, second) = (new double[300], new double[300]);
        Write(value, parameter.Value);
        Write(gradient, parameter.Gradient);
        AdamOptimizer optimizer = decoupled
            ? Own(new AdamW([parameter], maxGradientNorm: 1e9))
            : Own(new Adam([parameter], weightDecay: 0.01, maxGradientNorm: 1e9));
        Step(1, optimizer.Step);
        // The first step counts as one; the second is recorded, and runs as often as it is replayed.
        using var recording = Backend.Record(optimizer.Step);
        for (var step = 2; step < 6; step++)
        {
            optimizer.LearningRate = 0.01 / step;
            Step(step, recording.Replay);
        }

        Assert.That(optimizer.Steps.ToArray<long>(), Is.EqualTo(new long[] { 5 }));

        void Step(int step, Action run)
        {
            ReferenceAdam.Step(
                value, gradient, first, second, step, optimizer.LearningRate, 0.9, 0.999, 1e-8, 0.01, decoupled);
            run();
            ErrorBound.AssertWithin(
                $"step {step}", Read(parameter.Value), value,
                Array.ConvertAll(value, v => 32 * step * UnitRoundoff * (1 + Math.Abs(v))));
        }
    }

    [Test]
    public void Step_AfterAParameterThawed_IsRecordedAnew()
    {
        var parameters = new[] { 40, 50 }.Select(size => Own(new Parameter("p", [size], DType, Device))).ToArray();
        foreach (var parameter in parameters)
        {
            Write(RandomVector.Normal(1, (int)parameter.Value.ElementCount), parameter.Gradient);
            Write(RandomVector.Normal(2, (int)parameter.Value.ElementCount), parameter.Value);
        }

        var optimizer = Own(new Adam(parameters));
        parameters[0].RequiresGradient = false;
        optimizer.Step();
        using var recording = Backend.Record(optimizer.Step);
        recording.Replay();
        parameters[0].RequiresGradient = true;
        optimizer.Step();
        recording.Replay();

        Assert.That(optimizer.Steps.ToArray<long>(), Is.EqualTo(new long[] { 1, 4 }));
    }

    private unsafe void Step(
        Tensor[] value, Tensor[] gradient, Tensor[] first, Tensor[] second, int threads, bool decoupled, int step)
    {
        using var scope = Backend.Enter();
        AdamTensors tensors = default;
        AdamCounters counters = default;
        for (var i = 0; i < value.Length; i++)
        {
            tensors.Value[i] = value[i].Address;
            tensors.Gradient[i] = gradient[i].Address;
            tensors.FirstMoment[i] = first[i].Address;
            tensors.SecondMoment[i] = second[i].Address;
            TensorChunks.Add(i, value[i].ElementCount, tensors.Elements, tensors.FirstChunk);
            // Counts in another order than the tensors.
            counters.Index[i] = value.Length - i;
        }

        var before = new long[value.Length + 2];
        Array.Fill(before, step - 1);
        var steps = Own(Tensor.From(before, [before.Length], Device));
        var rate = Own(Tensor.From([LearningRate], [1], Device));
        var corrections = Backend.Scratch(value.Length * CudaBackend.AdamCorrectionBytes);
        Backend.Kernel(CudaBackend.AdamFile, "adam_count", DType).Launch(
            2, 8, [KernelArgument.Struct(&counters), value.Length, rate, Factor, Beta1, Beta2, steps, corrections, (Tensor?)null]);
        Backend.Kernel(CudaBackend.AdamFile, "adam_step", DType).Launch(
            (int)tensors.FirstChunk[value.Length], threads,
            [
                KernelArgument.Struct(&tensors), value.Length, corrections, rate, Factor, (Tensor?)null, Beta1, Beta2,
                KernelArgument.Real(Epsilon, DType), KernelArgument.Real(decoupled ? 0 : 0.25, DType),
                decoupled ? 0.25 : 0.0, (Tensor?)null,
            ]);
        Array.Fill(before, step, 1, value.Length);
        Assert.That(steps.ToArray<long>(), Is.EqualTo(before));
    }
}
