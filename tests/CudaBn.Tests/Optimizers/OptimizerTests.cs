using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace CudaBn.Tests.Optimizers;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class OptimizerTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private static readonly string[] Kinds = ["Sgd", "Adam", "AdamW"];

    private static readonly OptimizerCase[] Cases =
    [
        new("Sgd", 0.1, 0.01, 0.9, 0.3, 0, false, null),
        new("Sgd", 0.1, 0.01, 0.9, 0, 0, true, 0.5),
        new("Sgd", 0.1, 0, 0, 0, 0, false, 1e9),
        new("Adam", 1e-3, 0, 0.9, 0.999, 1e-8, false, null),
        new("Adam", 0.01, 0.1, 0.9, 0.999, 1e-8, false, 1),
        new("Adam", 0.01, 0.1, 0, 0, 1e-3, false, null),
        new("AdamW", 1e-3, 0.01, 0.9, 0.999, 1e-8, false, null),
        new("AdamW", 0.1, 0.5, 0.5, 0.9, 1e-6, false, 2),
    ];

    private static readonly int[] ManySizes = [1, 2, 15, 16, 17, 1023, 1024, 1025, 16383, 16384, 16385, 33000];

    [TestCaseSource(nameof(Cases))]
    public void Step_AnySize_FollowsTheReference(OptimizerCase c) => Check(
        c, [.. ManySizes.Select((size, i) => (size, i % 3))], steps: 4, seed: 1);

    [FsCheck.NUnit.Property(MaxTest = 300)]
    public Property Step_RandomCases_FollowTheReference() => Prop.ForAll(
        RandomCases, c => Check(c.Case, c.Sizes, c.Steps, c.Seed));

    [TestCase("Sgd", 109)]
    [TestCase("Sgd", 240)]
    [TestCase("Adam", 90)]
    [TestCase("Adam", 91)]
    [TestCase("AdamW", 1000)]
    public void Step_ManyParameters_UpdatesAll(string kind, int parameters) => Check(
        new OptimizerCase(kind, 0.01, 0.1, 0.9, 0.5, 1e-4, false, 3),
        [.. Enumerable.Range(0, parameters).Select(i => (1 + i % 7, 0))], steps: 2, seed: 5);

    [TestCaseSource(nameof(Kinds))]
    public void Step_FrozenParameters_AreSkippedAndStartWhenTheyThaw(string kind)
    {
        var c = new OptimizerCase(kind, 0.01, 0.1, 0.9, 0.5, 1e-4, false, 3);
        var run = new Run(this, c, [(5, 0), (70, 0), (33, 1)], seed: 2);
        // Frozen, then thawed, then frozen again: with dampening or bias correction a first step counts as one.
        bool[][] patterns =
        [
            [true, false, false], [true, false, false], [true, true, false], [true, true, true], [false, true, true],
            [true, true, true],
        ];
        for (var step = 0; step < patterns.Length; step++)
            run.Step(step, patterns[step]);
    }

    [TestCaseSource(nameof(Kinds))]
    public void Step_EverythingFrozen_ChangesNothing(string kind)
    {
        var c = new OptimizerCase(kind, 0.01, 0.1, 0.9, 0.5, 1e-4, false, 3);
        var run = new Run(this, c, [(5, 0)], seed: 2);
        run.Step(0, [false]);
        run.Step(1, [true]);
    }

    [Test]
    public void Adam_ManySteps_KeepsItsCorrection()
    {
        // With a constant gradient every step is the learning rate, however many there were.
        var parameter = MakeParameter(3);
        Write([0, 0, 0], parameter.Value);
        Write([1e-3, -1, 1e3], parameter.Gradient);
        var optimizer = Own(new Adam([parameter], learningRate: 0.0625, epsilon: 1e-30));
        for (var step = 1; step <= 300; step++)
            optimizer.Step();

        ErrorBound.AssertWithin(
            "value", Read(parameter.Value), [-18.75, 18.75, -18.75],
            Array.ConvertAll(new double[3].Ones(), _ => 300 * 16 * UnitRoundoff * 18.75));
        Assert.That(optimizer.Steps.ToArray<long>(), Is.EqualTo(new long[] { 300 }));
    }

    private static Arbitrary<(OptimizerCase Case, (int Size, int Group)[] Sizes, int Steps, int Seed)> RandomCases =>
        Arb.From(
            from kind in Gen.Elements(Kinds)
            from rate in Gen.Elements(0, 1e-4, 0.01, 0.3)
            from decay in Gen.Elements(0, 1e-4, 0.1)
            from first in Gen.Elements(0, 0.5, 0.9, 0.99)
            from second in kind == "Sgd" ? Gen.Elements(0, 0.1, 0.9) : Gen.Elements(0, 0.5, 0.99, 0.9999)
            from epsilon in Gen.Elements(1e-8, 1e-4, 0.1)
            from nesterov in Gen.Elements(true, false)
            from maxNorm in Gen.Elements<double?>(null, 0.01, 1, 1e6)
            from sizes in Gen.Choose(1, 90).ArrayOf(3)
            from groups in Gen.Choose(0, 2).ArrayOf(3)
            from steps in Gen.Choose(1, 4)
            from seed in Gen.Choose(0, 1_000_000)
            select (
                new OptimizerCase(
                    kind, rate, decay, first, second, epsilon,
                    nesterov && kind == "Sgd" && first != 0 && second == 0, maxNorm),
                sizes.Zip(groups).ToArray(), steps, seed));

    private Parameter MakeParameter(int size) => Own(new Parameter($"p{size}", [size], DType, Device));

    private void Check(OptimizerCase c, (int Size, int Group)[] sizes, int steps, int seed)
    {
        try
        {
            var run = new Run(this, c, sizes, seed);
            for (var step = 0; step < steps; step++)
                run.Step(step, [.. sizes.Select(_ => true)]);
        }
        finally
        {
            DisposeOwned();
        }
    }

    /// <summary>Parameters in groups under an optimizer, beside what is expected of them.</summary>
    private sealed class Run
    {
        // A group as the optimizer is, one of another rate, and one of another decay.
        private static readonly (double Factor, double? Decay)[] Groups = [(1, null), (0.25, null), (2, 0.3)];

        private readonly OptimizerTests _tests;
        private readonly OptimizerCase _case;
        private readonly (int Size, int Group)[] _sizes;
        private readonly int _seed;
        private readonly Parameter[] _parameters;
        private readonly ExpectedParameter[] _expected;
        private readonly Optimizer _optimizer;

        public Run(OptimizerTests tests, OptimizerCase c, (int Size, int Group)[] sizes, int seed)
        {
            (_tests, _case, _sizes, _seed) = (tests, c, sizes, seed);
            _parameters = [.. sizes.Select(size => tests.MakeParameter(size.Size))];
            _expected = new ExpectedParameter[sizes.Length];
            for (var i = 0; i < sizes.Length; i++)
            {
                var value = tests.Rounded(RandomVector.Normal(seed + i, sizes[i].Size));
                Write(value, _parameters[i].Value);
                _expected[i] = new ExpectedParameter(value.ToArray(), tests.UnitRoundoff, tests.SmallestNormal);
            }

            _optimizer = tests.Own(sizes.All(size => size.Group == 0)
                ? c.Create(_parameters)
                : c.Create(
                    [.. Groups.Select((group, number) => new ParameterGroup(
                        [.. _parameters.Where((_, i) => sizes[i].Group == number)], group.Factor, group.Decay))]));
        }

        public void Step(int step, bool[] active)
        {
            // A schedule changes the learning rate between steps.
            _optimizer.LearningRate = _case.LearningRate / (step + 1);
            var gradients = _sizes.Select((size, i) => _tests.Rounded(
                RandomVector.Normal(_seed + 100 * (step + 1) + i, size.Size))).ToArray();
            for (var i = 0; i < _parameters.Length; i++)
            {
                _parameters[i].RequiresGradient = active[i];
                Write(active[i] ? gradients[i] : gradients[i].Ones(), _parameters[i].Gradient);
            }

            var scale = _case.ScaleOf(gradients.Where((_, i) => active[i]));
            for (var i = 0; i < _parameters.Length; i++)
            {
                var (factor, decay) = Groups[_sizes[i].Group];
                if (active[i])
                    _expected[i].Step(
                        _case, gradients[i], scale, _optimizer.LearningRate * factor, decay ?? _case.WeightDecay);
            }

            _optimizer.Step();

            for (var i = 0; i < _parameters.Length; i++)
                ErrorBound.AssertWithin(
                    $"{_case}, step {step}, parameter {i}", Read(_parameters[i].Value), _expected[i].Value,
                    _expected[i].Bound);
            if (_optimizer.GradientNorm is { } norm && active.Any(isActive => isActive))
            {
                var expected = Math.Sqrt(gradients.Where((_, i) => active[i]).Sum(g => g.Sum(v => v * v)));
                Assert.That(norm.ToArray<double>()[0], Is.EqualTo(expected).Within(1e-12 * expected));
            }
        }
    }
}
