using CudaBn.Backends.OpArgs;
using CudaBn.Bench;
using NUnit.Framework;

namespace CudaBn.Tests.Bench;

/// <summary>A check passes what an operator computes, and not a single number that is a little off.</summary>
public class CheckFaultsTests
{
    private const double Epsilon = 1e-5;
    private const float Off = 1e-3f;

    private static IEnumerable<TestCaseData> Operators()
    {
        yield return Case("convolution in groups", GroupedConvolution);
        yield return Case("gradients of a convolution in groups", GroupedConvolutionBackward);
        yield return Case("norm, add, ReLU", NormAddReLU);
        yield return Case("gradients of norm, add, ReLU", NormAddReLUBackward);
        yield return Case("virtual batches", VirtualBatches);
        yield return Case("gradients of virtual batches", VirtualBatchesBackward);
        yield return Case("average pool", AveragePool);
        yield return Case("gradient of average pool", AveragePoolBackward);
        foreach (var kind in Enum.GetValues<ActivationKind>())
        {
            yield return Case($"{kind}", () => Activation(kind));
            yield return Case($"gradient of {kind}", () => ActivationBackward(kind));
        }

        yield return Case("dropout", Dropout);
        yield return Case("squared error", SquaredError);
        yield return Case("gradient of the squared error", SquaredErrorBackward);
        yield return Case("Adam", Adam);

        static TestCaseData Case(string name, Func<Checked> make) => new TestCaseData(make).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Operators))]
    public void Check_OneNumberALittleOff_Throws(Func<Checked> make)
    {
        var (check, results) = make();
        Assert.That(check.Invoke, Throws.Nothing);
        foreach (var result in results)
        {
            foreach (var index in new[] { 0, (int)result.ElementCount - 1 })
            {
                var right = result.AsSpan<float>()[index];
                result.AsSpan<float>()[index] += Off;
                Assert.That(
                    check.Invoke, Throws.TypeOf<WrongResultException>().With.Message.Contains($"[{index}] is "), $"{result}");
                result.AsSpan<float>()[index] = right;
            }
        }

        Assert.That(check.Invoke, Throws.Nothing);
    }

    private static Checked GroupedConvolution()
    {
        var shape = GroupedShape;
        Tensor x = Normal(2, 6, 9, 9), w = Normal(4, 3, 3, 3), y = Normal(2, 4, shape.OutSize, shape.OutSize);
        Device.Cpu.Backend.ConvForward(new(shape.Geometry, x, w, Bias: null, y));
        return new(() => Conv2dCheck.Forward(shape.Geometry, x, w, y), y);
    }

    private static Checked GroupedConvolutionBackward()
    {
        var g = GroupedShape.Geometry;
        Tensor x = Normal(2, 6, 9, 9), w = Normal(4, 3, 3, 3), dy = Normal(2, 4, g.OutHeight, g.OutWidth);
        Tensor dx = Normal(2, 6, 9, 9), dw = Normal(4, 3, 3, 3);
        Device.Cpu.Backend.ConvBackward(new(g, x, w, dy, dx, dw, GradBias: null));
        return new(
            () =>
            {
                Conv2dCheck.InputGradient(g, w, dy, dx);
                Conv2dCheck.WeightGradient(g, x, dy, dw);
            },
            dx, dw);
    }

    private static Checked NormAddReLU()
    {
        var forward = ForwardOfNormAddReLU();
        var norm = forward.Normalization;
        return new(
            () => BatchNormCheck.Forward(
                norm.Geometry, norm.Input, norm.Gamma!, norm.Beta!, Epsilon, norm.Output, norm.Mean, norm.InvStd,
                forward.Addend, rectifies: true),
            norm.Output);
    }

    private static Checked NormAddReLUBackward()
    {
        var norm = ForwardOfNormAddReLU().Normalization;
        Tensor dy = Normal(4, 3, 5), dx = Normal(4, 3, 5), dGamma = Normal(3), dBeta = Normal(3), dAddend = Normal(4, 3, 5);
        Device.Cpu.Backend.BatchNormAddReLUBackward(new(
            new(norm.Geometry, norm.Input, norm.Gamma, norm.Mean, norm.InvStd, dy, dx, dGamma, dBeta), norm.Beta,
            new RectifiedSum(norm.Output, dAddend)));
        return new(
            () => BatchNormCheck.Backward(
                norm.Geometry, norm.Input, norm.Gamma!, norm.Mean, norm.InvStd, dy, dx, dGamma, dBeta, norm.Output),
            dx, dGamma, dBeta);
    }

    private static Checked VirtualBatches()
    {
        var layer = VirtualLayer();
        Tensor x = Normal(12, 3, 5), y = layer.Forward(x);
        return new(
            () => VirtualBatchNormCheck.Forward(
                VirtualBatch, x, layer.Gamma!.Value, layer.Beta!.Value, Epsilon, y),
            LastVirtualBatchOf(y));
    }

    private static Checked VirtualBatchesBackward()
    {
        var layer = VirtualLayer();
        Tensor x = Normal(12, 3, 5), dy = Normal(12, 3, 5);
        layer.Forward(x);
        Tensor dx = layer.Backward(dy), dGamma = layer.Gamma!.Gradient, dBeta = layer.Beta!.Gradient;
        return new(
            () => VirtualBatchNormCheck.Backward(VirtualBatch, x, layer.Gamma.Value, Epsilon, dy, dx, dGamma, dBeta),
            LastVirtualBatchOf(dx), dGamma, dBeta);
    }

    private static Checked AveragePool()
    {
        var g = PoolShape.Geometry;
        Tensor x = Normal(2, 3, 7, 7), y = Normal(2, 3, PoolShape.OutSize, PoolShape.OutSize);
        Device.Cpu.Backend.AvgPoolForward(new(g, new AvgPoolDivisor(CountsPadding: true), x, y));
        return new(() => AvgPool2dCheck.Forward(g, x, y), y);
    }

    private static Checked AveragePoolBackward()
    {
        var g = PoolShape.Geometry;
        Tensor dy = Normal(2, 3, PoolShape.OutSize, PoolShape.OutSize), dx = Normal(2, 3, 7, 7);
        Device.Cpu.Backend.AvgPoolBackward(new(g, new AvgPoolDivisor(CountsPadding: true), dy, dx));
        return new(() => AvgPool2dCheck.Backward(g, dy, dx), dx);
    }

    private static Checked Activation(ActivationKind kind)
    {
        Tensor x = Normal(300), y = Normal(300);
        Device.Cpu.Backend.ActivationForward(new(kind, 0.01, x, y));
        return new(() => ActivationCheck.Forward(kind, 0.01, x, y), y);
    }

    private static Checked ActivationBackward(ActivationKind kind)
    {
        Tensor x = Normal(300), dy = Normal(300), dx = Normal(300);
        Device.Cpu.Backend.ActivationBackward(new(kind, 0.01, x, dy, dx));
        return new(() => ActivationCheck.Backward(kind, 0.01, x, dy, dx), dx);
    }

    private static Checked Dropout()
    {
        Tensor x = Normal(50), y = Normal(50), step = Tensor.Zeros([1], DType.Int64, Device.Cpu);
        var mask = new DropoutMask(0.5, Seed: 3, Stream: 1, step);
        Device.Cpu.Backend.DropoutForward(new(mask, x, y));
        return new(() => DropoutCheck.Masked(mask, x, y), y);
    }

    private static Checked SquaredError()
    {
        Tensor x = Normal(50), target = Normal(50), loss = Normal(1);
        Device.Cpu.Backend.Clear(target);
        Device.Cpu.Backend.MeanSquaredErrorForward(new(x, target, 1.0 / 50, loss));
        return new(() => MeanSquaredErrorCheck.Forward(x, target, loss), loss);
    }

    private static Checked SquaredErrorBackward()
    {
        Tensor x = Normal(50), target = Normal(50), dx = Normal(50);
        Device.Cpu.Backend.Clear(target);
        Device.Cpu.Backend.MeanSquaredErrorBackward(new(x, target, 1.0 / 50, dx));
        return new(() => MeanSquaredErrorCheck.Backward(x, target, dx), dx);
    }

    private static Checked Adam()
    {
        var parameter = new Parameter("p", [50], DType.Float32, Device.Cpu);
        parameter.Value.CopyFrom(Normal(50));
        parameter.Gradient.CopyFrom(Normal(50));
        Tensor first = Normal(50), second = Normal(50), rate = Tensor.From([1e-2], [1], Device.Cpu);
        Device.Cpu.Backend.Fill(second, 0.5);
        var before = new AdamCheck.State(Numbers(parameter.Value), Numbers(first), Numbers(second));
        Device.Cpu.Backend.AdamStep(new(
            [parameter], [first], [second], Tensor.From([4L], [1], Device.Cpu), [0], rate, LearningRateFactor: 1,
            GradientScale: null, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.1, DecouplesWeightDecay: true));
        return new(
            () => AdamCheck.Step(
                before, parameter.Gradient, parameter.Value, first, second, step: 5, rate: 1e-2, beta1: 0.9, beta2: 0.999,
                epsilon: 1e-8, decay: 0.1),
            parameter.Value, first, second);
    }

    private static Conv2dShape GroupedShape => new(2, 6, 4, 9, 3, Padding: 2, Dilation: 2, Groups: 2);

    private static BatchNormGeometry VirtualBatch => new(Batch: 4, Channels: 3, Spatial: 5);

    private static AvgPool2dShape PoolShape => new(2, 3, 7, 3, 2, Padding: 1);

    private static BatchNormAddReLUForwardArgs ForwardOfNormAddReLU()
    {
        var norm = new BatchNormForwardArgs(
            new BatchNormGeometry(4, 3, 5), Normal(4, 3, 5), Normal(3), Normal(3), Epsilon, Running: null, Normal(4, 3, 5),
            new Tensor([3], DType.Float64, Device.Cpu), new Tensor([3], DType.Float64, Device.Cpu));
        var forward = new BatchNormAddReLUForwardArgs(norm, Normal(4, 3, 5), Rectifies: true);
        Device.Cpu.Backend.BatchNormAddReLUForward(in forward);
        return forward;
    }

    private static BatchNorm VirtualLayer()
    {
        var layer = new BatchNorm(3, Epsilon, virtualBatchSize: 4) { IsTraining = true };
        layer.Initialize(Device.Cpu);
        return layer;
    }

    // Its numbers are named by their place in it.
    private static Tensor LastVirtualBatchOf(Tensor whole) => whole.Part(2 * 4 * 3 * 5, [4, 3, 5]);

    private static Tensor Normal(params int[] shape)
    {
        var tensor = new Tensor(new Shape(shape), DType.Float32, Device.Cpu);
        Device.Cpu.Backend.FillNormal(new(tensor, Seed: 3, Stream: (uint)shape.Length, First: 0, Second: 1));
        return tensor;
    }

    private static double[] Numbers(Tensor tensor) => Array.ConvertAll(tensor.ToArray<float>(), value => (double)value);

    /// <summary>A check of results that it must find right.</summary>
    public sealed record Checked(Action Check, params Tensor[] Results);
}
