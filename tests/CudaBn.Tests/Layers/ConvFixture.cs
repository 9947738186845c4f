using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

/// <summary>Runs convolutions of any rank and compares them with the reference.</summary>
public abstract class ConvFixture(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    protected void CheckNormalNumbers(ConvCase c, int seed)
    {
        var (x, weight, bias, gradOutput) = Inputs(c, RandomVector.Normal, seed);
        AssertWithinRounding(Run(c, x, weight, bias, gradOutput), c, x, weight, bias, gradOutput);
    }

    protected void CheckSmallIntegers(ConvCase c)
    {
        var (x, weight, bias, gradOutput) = Inputs(c, SmallIntegers, seed: 1);

        Run(c, x, weight, bias, gradOutput).AssertEqual(c.Reference(x, weight, bias, gradOutput));
    }

    protected void CheckInputGradientAlone(ConvCase c)
    {
        Tensor Normal(Shape shape, int seed) => TensorOf(RandomVector.Normal(seed, (int)shape.ElementCount), shape);
        Tensor x = Normal(c.InputShape, 1), weight = Normal(c.WeightShape, 2), gradOutput = Normal(c.OutputShape, 3);
        Tensor both = Poison(c.InputShape), alone = Poison(c.InputShape), gradWeight = Poison(c.WeightShape);
        var geometry = c.Geometry;
        Device.Backend.ConvBackward(new(geometry, x, weight, gradOutput, both, gradWeight, GradBias: null));
        Device.Backend.ConvBackward(new(geometry, x, weight, gradOutput, alone, GradWeight: null, GradBias: null));
        ErrorBound.AssertExact("input gradient", Read(alone), Read(both));
    }

    protected void AssertWithinRounding(
        AffineResult actual, ConvCase c, double[] x, double[] weight, double[] bias, double[] gradOutput) =>
        actual.AssertWithinRounding(
            c.Reference(x, weight, bias, gradOutput),
            magnitudes: c.Reference(
                x.Absolute(), weight.Absolute(), bias.Absolute(), gradOutput.Absolute()),
            terms: c.Reference(x.Ones(), weight.Ones(), bias.Ones(), gradOutput.Ones()),
            UnitRoundoff);

    private static double[] SmallIntegers(int seed, int length) => RandomVector.Integers(seed, length, bound: 3);

    protected (double[] X, double[] Weight, double[] Bias, double[] GradOutput) Inputs(
        ConvCase c, Func<int, int, double[]> values, int seed) =>
        (Rounded(values(4 * seed, (int)c.InputShape.ElementCount)),
         Rounded(values(4 * seed + 1, (int)c.WeightShape.ElementCount)),
         Rounded(values(4 * seed + 2, c.OutChannels)),
         Rounded(values(4 * seed + 3, (int)c.OutputShape.ElementCount)));

    protected AffineResult Run(
        ConvCase c, double[] x, double[] weight, double[] bias, double[] gradOutput, bool needsInputGradient = true)
    {
        try
        {
            var layer = OnDevice(c.CreateLayer());
            layer.Forward(Poison(c.InputShape));
            layer.Backward(Poison(c.OutputShape));

            Write(weight, layer.Weight!.Value);
            if (c.Bias)
                Write(bias, layer.Bias!.Value);
            var output = layer.Forward(TensorOf(x, c.InputShape));
            Assert.That(output.Shape, Is.EqualTo(c.OutputShape));
            var gradInput = layer.Backward(TensorOf(gradOutput, c.OutputShape), needsInputGradient);
            return new AffineResult(
                Read(output), gradInput is null ? null : Read(gradInput), Read(layer.Weight.Gradient),
                layer.Bias is null ? null : Read(layer.Bias.Gradient));
        }
        finally
        {
            DisposeOwned();
        }
    }
}
