using CudaBn.Backends.Cuda;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.CudaInEveryType))]
public class SgdKernelTests(TestBackend backend, DType dtype) : KernelFixture(backend, dtype)
{
    // One value, a chunk of 1,024 less one, exactly, and one more, some chunks and a prime.
    private static readonly int[] Sizes = [1, 1023, 1024, 1025, 3, 4099];

    // Powers of 2 and small integers: no rounding in three steps.
    private const double LearningRate = 0.5, Momentum = 0.5, Dampening = 0.25, WeightDecay = 0.25;

    [Test]
    public void AnyBlockSizeAndAlignment_IsExact(
        [Values(1, 32, 96, 1024)] int threads, [Values] bool isAligned, [Values] bool nesterov, [Values] bool isFirstStep)
    {
        var values = Sizes.Select((size, i) => RandomVector.Integers(i, size, 50)).ToArray();
        var gradients = Sizes.Select((size, i) => RandomVector.Integers(10 + i, size, 50)).ToArray();
        var buffers = Sizes.Select((size, i) => RandomVector.Integers(20 + i, size, 50)).ToArray();
        Tensor[] On(double[][] all) => Array.ConvertAll(
            all, one => isAligned ? TensorOf(one, [one.Length]) : Shifted(one, [one.Length]));
        var (value, gradient, buffer) = (On(values), On(gradients), On(buffers));

        Step(value, gradient, buffer, threads, isFirstStep, nesterov);

        for (var i = 0; i < Sizes.Length; i++)
        {
            ReferenceSgd.Step(
                values[i], gradients[i], buffers[i], isFirstStep, LearningRate, Momentum, Dampening, nesterov,
                WeightDecay);
            ErrorBound.AssertEqual($"value {i}", Read(value[i]), values[i]);
            ErrorBound.AssertEqual($"buffer {i}", Read(buffer[i]), buffers[i]);
            ErrorBound.AssertEqual($"gradient {i}", Read(gradient[i]), gradients[i]);
        }
    }

    [TestCase(SgdTensors.Capacity)]
    [TestCase(SgdTensors.Capacity + 1)]
    [TestCase(2 * SgdTensors.Capacity + 7)]
    public void Step_MoreParametersThanALaunchTakes_UpdatesAll(int parameters)
    {
        var layers = new Layer[parameters];
        for (var i = 0; i < parameters; i++)
            layers[i] = OnDevice(new Linear(1 + i % 5, 1, bias: false));
        Parameter[] all = [.. layers.SelectMany(layer => layer.Parameters)];
        var optimizer = Own(new Sgd(all, LearningRate, Momentum));
        for (var i = 0; i < parameters; i++)
        {
            Write(RandomVector.Integers(i, 1 + i % 5, 100), all[i].Value);
            Write(RandomVector.Integers(1000 + i, 1 + i % 5, 100), all[i].Gradient);
        }

        optimizer.Step();

        for (var i = 0; i < parameters; i++)
        {
            var expected = RandomVector.Integers(i, 1 + i % 5, 100);
            var gradient = RandomVector.Integers(1000 + i, 1 + i % 5, 100);
            ReferenceSgd.Step(expected, gradient, new double[expected.Length], true, LearningRate, Momentum, 0, false, 0);
            ErrorBound.AssertEqual($"parameter {i}", Read(all[i].Value), expected);
        }
    }

    [Test]
    public void Step_Recorded_FollowsTheScheduleAndTheMomentum([Values(0, Momentum)] double momentum)
    {
        var layer = OnDevice(new Linear(100, 3, bias: false));
        var value = RandomVector.Integers(1, 300, 100);
        var buffer = new double[300];
        Write(value, layer.Weight!.Value);
        var optimizer = Own(new Sgd(layer.Parameters, LearningRate, momentum, Dampening));
        // The first step starts the buffers, and so is not the one that is recorded.
        Step(0, optimizer.Step);
        using var recording = Backend.Record(optimizer.Step);

        for (var step = 1; step < 4; step++)
        {
            optimizer.LearningRate = LearningRate / (1 << step);
            Step(step, recording.Replay);
        }

        void Step(int step, Action run)
        {
            var gradient = RandomVector.Integers(10 + step, 300, 100);
            Write(gradient, layer.Weight.Gradient);
            ReferenceSgd.Step(
                value, gradient, buffer, step == 0, optimizer.LearningRate, momentum, Dampening, false, 0);
            run();
            ErrorBound.AssertEqual($"step {step}", Read(layer.Weight.Value), value);
        }
    }

    [Test]
    public void Step_FirstOneWithMomentum_IsNotRecorded()
    {
        var layer = OnDevice(new Linear(2, 3));
        var optimizer = Own(new Sgd(layer.Parameters, LearningRate, Momentum));
        Assert.That(() => Backend.Record(optimizer.Step), Throws.InvalidOperationException
            .With.Message.Contains("the first step with momentum"));

        optimizer.Step();

        using var recording = Backend.Record(optimizer.Step);
        Assert.That(recording.IsCurrent, Is.True);
        layer.Dispose();
        Assert.That(recording.IsCurrent, Is.False);
    }

    private unsafe void Step(
        Tensor[] value, Tensor[] gradient, Tensor[] buffer, int threads, bool isFirstStep, bool nesterov)
    {
        using var scope = Backend.Enter();
        SgdTensors tensors = default;
        for (var i = 0; i < value.Length; i++)
        {
            tensors.Value[i] = value[i].Address;
            tensors.Gradient[i] = gradient[i].Address;
            tensors.MomentumBuffer[i] = buffer[i].Address;
            tensors.Elements[i] = value[i].ElementCount;
            tensors.FirstChunk[i + 1] = tensors.FirstChunk[i] + (uint)((value[i].ElementCount + 1023) / 1024);
        }

        Backend.Kernel(CudaBackend.SgdFile, "sgd_momentum_step", DType).Launch(
            (int)tensors.FirstChunk[value.Length], threads,
            [
                KernelArgument.Struct(&tensors), value.Length, Own(Tensor.From([2 * LearningRate], [1], Device)),
                0.5, (Tensor?)null,
                KernelArgument.Real(WeightDecay, DType), KernelArgument.Real(Momentum, DType),
                KernelArgument.Real(1 - Dampening, DType), isFirstStep ? 1 : 0, nesterov ? 1 : 0,
                (Tensor?)null,
            ]);
    }
}
