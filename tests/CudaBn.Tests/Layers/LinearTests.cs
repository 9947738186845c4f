using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class LinearTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    // Around the heights and widths of register tiles.
    private static readonly int[] Sizes = [1, 5, 11, 12, 13, 16, 31, 33, 100, 257];

    /// <summary>Every pair of sizes in every pair of roles, without all triples of them.</summary>
    private static IEnumerable<LinearCase> Cases() =>
    [
        .. from i in Enumerable.Range(0, Sizes.Length)
           from j in Enumerable.Range(0, Sizes.Length)
           select new LinearCase(Sizes[i], Sizes[j], Sizes[(i + j) % Sizes.Length], Bias: (i + j) % 3 != 0),
        // Many tiles one way: more than a chunk or two of them.
        new(1000, 5, 3, true),
        new(5, 1000, 3, true),
        new(3, 5, 1000, true),
        // A few outputs of long sums: whole and broken tiles of rows, pairs of outputs and registers of inputs.
        new(257, 128, 10, true),
        new(100, 257, 5, false),
        new(37, 130, 10, true),
        new(19, 47, 7, true),
        new(31, 1000, 1, true),
        new(9, 61, 2, true),
        // Sums longer than a tile stays in registers for.
        new(33, 1300, 19, true),
        // Weights that few rows read where they are, a stretch of a few of their rows after another.
        new(1, 257, 201, false),
        new(3, 260, 201, true),
    ];

    [TestCaseSource(nameof(Cases))]
    public void ForwardAndBackward_NormalNumbers_AreWithinRounding(LinearCase c) => CheckNormalNumbers(c, seed: 1);

    [TestCaseSource(nameof(Cases))]
    public void ForwardAndBackward_SmallIntegers_AreExact(LinearCase c)
    {
        var (x, weight, bias, gradOutput) = Inputs(c, SmallIntegers, seed: 1);

        Run(c, x, weight, bias, gradOutput).AssertEqual(c.Reference(x, weight, bias, gradOutput));
    }

    [FsCheck.NUnit.Property(MaxTest = 260)]
    public Property ForwardAndBackward_RandomSizes_AreWithinRounding() =>
        Prop.ForAll(RandomCases, c => CheckNormalNumbers(c, seed: 7));

    [Test]
    public void BackwardParameters_GivesTheGradientsOfBackward([ValueSource(nameof(Sizes))] int batch)
    {
        var c = new LinearCase(batch, 33, 13, true);
        var (x, weight, bias, gradOutput) = Inputs(c, RandomVector.Normal, seed: 3);

        var whole = Run(c, x, weight, bias, gradOutput);
        var parametersOnly = Run(c, x, weight, bias, gradOutput, needsInputGradient: false);

        Assert.That(parametersOnly.GradInput, Is.Null);
        parametersOnly.AssertEqual(whole);
    }

    [TestCase(33, 13, 31)]
    [TestCase(33, 130, 10)]
    [TestCase(33, 130, 3)]
    public void Forward_NaNInOneRow_StaysInThatRow(int batch, int inputs, int outputs)
    {
        var c = new LinearCase(batch, inputs, outputs, true);
        var (x, weight, bias, gradOutput) = Inputs(c, RandomVector.Normal, seed: 4);
        var clean = Run(c, x, weight, bias, gradOutput).Output;
        const int row = 20;
        Array.Fill(x, double.NaN, row * c.Inputs, c.Inputs);

        var output = Run(c, x, weight, bias, gradOutput).Output;

        Array.Fill(clean, double.NaN, row * c.Outputs, c.Outputs);
        ErrorBound.AssertEqual("output", output, clean);
    }

    private static Arbitrary<LinearCase> RandomCases => Arb.From(
        from batch in Gen.Choose(1, 70)
        from inputs in Gen.Choose(1, 150)
        from outputs in Gen.Choose(1, 70)
        from bias in Gen.Elements(true, false)
        select new LinearCase(batch, inputs, outputs, bias));

    private void CheckNormalNumbers(LinearCase c, int seed)
    {
        var (x, weight, bias, gradOutput) = Inputs(c, RandomVector.Normal, seed);
        Run(c, x, weight, bias, gradOutput).AssertWithinRounding(
            c.Reference(x, weight, bias, gradOutput),
            magnitudes: c.Reference(x.Absolute(), weight.Absolute(), bias.Absolute(), gradOutput.Absolute()),
            terms: c.Reference(x.Ones(), weight.Ones(), bias.Ones(), gradOutput.Ones()),
            UnitRoundoff);
    }

    private static double[] SmallIntegers(int seed, int length) => RandomVector.Integers(seed, length, bound: 3);

    private (double[] X, double[] Weight, double[] Bias, double[] GradOutput) Inputs(
        LinearCase c, Func<int, int, double[]> values, int seed) =>
        (Rounded(values(4 * seed, c.Batch * c.Inputs)),
         Rounded(values(4 * seed + 1, c.Outputs * c.Inputs)),
         Rounded(values(4 * seed + 2, c.Outputs)),
         Rounded(values(4 * seed + 3, c.Batch * c.Outputs)));

    private AffineResult Run(
        LinearCase c, double[] x, double[] weight, double[] bias, double[] gradOutput, bool needsInputGradient = true)
    {
        try
        {
            var layer = OnDevice(new Linear(c.Inputs, c.Outputs, c.Bias));
            layer.Forward(Poison([c.Batch, c.Inputs]));
            layer.Backward(Poison([c.Batch, c.Outputs]));

            Write(weight, layer.Weight!.Value);
            if (c.Bias)
                Write(bias, layer.Bias!.Value);
            var output = layer.Forward(TensorOf(x, [c.Batch, c.Inputs]));
            var gradInput = layer.Backward(TensorOf(gradOutput, [c.Batch, c.Outputs]), needsInputGradient);
            return new AffineResult(
                Read(output), gradInput is null ? null : Read(gradInput), Read(layer.Weight.Gradient),
                layer.Bias is null ? null : Read(layer.Bias.Gradient));
        }
        finally
        {
            DisposeOwned();
        }
    }

    /// <summary>The sizes of one dense layer.</summary>
    public sealed record LinearCase(int Batch, int Inputs, int Outputs, bool Bias)
    {
        /// <summary>Forward and backward by the reference.</summary>
        public AffineResult Reference(double[] x, double[] weight, double[] bias, double[] gradOutput)
        {
            var y = ReferenceLinear.Forward(x, weight, Bias ? bias : null, Batch, Inputs, Outputs);
            var (gradInput, gradWeight, gradBias) =
                ReferenceLinear.Backward(gradOutput, x, weight, Batch, Inputs, Outputs);
            return new AffineResult(y, gradInput, gradWeight, Bias ? gradBias : null);
        }

        public override string ToString() => $"{Batch}x{Inputs} to {Outputs}{(Bias ? " bias" : "")}";
    }
}
