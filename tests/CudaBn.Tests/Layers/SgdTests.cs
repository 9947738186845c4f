using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class SgdTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private const int Steps = 4;

    private static readonly bool[] OffAndOn = [false, true];

    private static IEnumerable<TestCaseData> Options() =>
        from momentum in OffAndOn
        from dampening in OffAndOn
        from weightDecay in OffAndOn
        from nesterov in OffAndOn
        where !nesterov || (momentum && !dampening)
        select new TestCaseData(momentum ? 0.9 : 0, dampening ? 0.3 : 0, weightDecay ? 0.01 : 0, nesterov);

    [TestCaseSource(nameof(Options))]
    public void Step_SeveralSteps_FollowTheReference(
        double momentum, double dampening, double weightDecay, bool nesterov)
    {
        // Parameters of less than a register, of some, and of more than a chunk of work.
        Layer[] layers = [new Linear(3, 1), new Linear(37, 11), new Linear(1, 1, bias: false), new Linear(130, 257)];
        Parameter[] parameters = [.. layers.SelectMany(layer => OnDevice(layer).Parameters)];
        var optimizer = Own(new Sgd(parameters, 0.2, momentum, dampening, weightDecay, nesterov));
        var expected = parameters.Select(p => Read(p.Value)).ToArray();
        var magnitudes = expected.Select(value => value.Absolute()).ToArray();
        var buffers = expected.Select(value => new double[value.Length]).ToArray();
        var bufferMagnitudes = expected.Select(value => new double[value.Length]).ToArray();

        for (var step = 0; step < Steps; step++)
        {
            // A schedule changes the learning rate between steps.
            optimizer.LearningRate = 0.2 / (step + 1);
            for (var i = 0; i < parameters.Length; i++)
            {
                var gradient = Rounded(RandomVector.Normal(10 * step + i, expected[i].Length));
                Write(gradient, parameters[i].Gradient);
                ReferenceSgd.Step(
                    expected[i], gradient, buffers[i], step == 0, optimizer.LearningRate, momentum, dampening,
                    nesterov, weightDecay);
                // The same with all terms positive: the step is added, not subtracted.
                ReferenceSgd.Step(
                    magnitudes[i], gradient.Absolute(), bufferMagnitudes[i], step == 0, -optimizer.LearningRate,
                    momentum, dampening, nesterov, weightDecay);
            }

            optimizer.Step();

            for (var i = 0; i < parameters.Length; i++)
            {
                // A step adds a gradient, a decay, and with momentum the buffer to the value.
                var terms = Array.ConvertAll(expected[i], _ => 3.0 * (step + 1) + 1);
                ErrorBound.AssertWithin($"step {step} of {parameters[i].Value}", Read(parameters[i].Value), expected[i],
                    ErrorBound.OfSums(UnitRoundoff, terms, magnitudes[i]));
            }
        }
    }

    [Test]
    public void Step_DyadicNumbers_IsExact()
    {
        var layer = OnDevice(new Linear(100, 3, bias: false));
        var value = RandomVector.Integers(1, 300, 100);
        var gradient = RandomVector.Integers(2, 300, 100);
        Write(value, layer.Weight!.Value);
        Write(gradient, layer.Weight.Gradient);
        var buffer = new double[300];
        var optimizer = Own(new Sgd(layer.Parameters, 0.5, 0.5, 0, 0.25, nesterov: true));

        for (var step = 0; step < 3; step++)
        {
            ReferenceSgd.Step(value, gradient, buffer, step == 0, 0.5, 0.5, 0, true, 0.25);
            optimizer.Step();
            ErrorBound.AssertEqual($"step {step}", Read(layer.Weight.Value), value);
        }
    }

    [Test]
    public void Step_ZeroLearningRate_ChangesNothing()
    {
        var layer = OnDevice(new Linear(37, 11));
        var before = Read(layer.Weight!.Value);
        Write(RandomVector.Normal(1, 37 * 11), layer.Weight.Gradient);

        Own(new Sgd(layer.Parameters, 0, 0.9, 0, 0.1)).Step();

        ErrorBound.AssertExact("value", Read(layer.Weight.Value), before);
    }
}
