using CudaBn.Backends.Cuda;
using CudaBn.Backends.OpArgs;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.CudaInEveryType))]
public class DropoutKernelTests(TestBackend backend, DType dtype) : KernelFixture(backend, dtype)
{
    private const double P = 0.4;
    private const ulong Seed = 0xFEDC_BA98_7654_3210;
    private const uint Stream = 0x8000_0005;

    [Test]
    public void AnyLaunchShapeAndAlignment_GivesTheReference(
        [Values(1, 3, 4, 4099)] int length, [Values(1, 5)] int blocks, [Values(1, 96, 1024)] int threads,
        [Values] bool isAligned)
    {
        const long before = 0x1_0000_0006;
        var x = Rounded(RandomVector.Normal(1, length));
        var input = isAligned ? TensorOf(x, [length]) : Shifted(x, [length]);
        var output = isAligned ? Poison([length]) : Shifted(x, [length]);
        var gradInput = isAligned ? Poison([length]) : Shifted(x, [length]);
        var step = Own(Tensor.From([before], [1], Device));
        var mask = new DropoutMask(P, Seed, Stream, step);
        var scale = KernelArgument.Real(mask.Scale, DType);

        using (Backend.Enter())
        {
            Backend.Kernel(CudaBackend.DropoutFile, "dropout_forward", DType).Launch(
                blocks, threads,
                [Seed, Stream, mask.Threshold, scale, step, input, (long)length, output, Backend.Counters(1)]);
            Backend.Kernel(CudaBackend.DropoutFile, "dropout_backward", DType).Launch(
                blocks, threads, [Seed, Stream, mask.Threshold, scale, step, input, (long)length, gradInput]);
        }

        var factors = Rounded(ReferenceDropout.Factors(P, Seed, Stream, before + 1, length));
        double[] expected = Rounded([.. x.Zip(factors, (v, f) => v * f)]);
        ErrorBound.AssertExact("output", Read(output), expected);
        ErrorBound.AssertExact("input gradient", Read(gradInput), expected);
        Assert.That(step.ToArray<long>(), Is.EqualTo(new[] { before + 1 }));
    }

    [Test]
    public void Replays_HaveNewMasksThatBackwardFollows()
    {
        var layer = Own(new Dropout(P));
        layer.Initialize(Device, DType, Seed);
        var ones = TensorOf(new double[300].Ones(), [300]);
        Tensor? y = null, gradInput = null;
        Pass();
        using var recording = Backend.Record(Pass);

        for (var step = 2; step < 6; step++)
        {
            recording.Replay();
            var expected = Rounded(ReferenceDropout.Factors(P, Seed, 0, step, 300));
            ErrorBound.AssertExact($"output {step}", Read(y!), expected);
            ErrorBound.AssertExact($"gradient {step}", Read(gradInput!), expected);
        }

        void Pass()
        {
            y = layer.Forward(ones);
            gradInput = layer.Backward(ones);
        }
    }
}
