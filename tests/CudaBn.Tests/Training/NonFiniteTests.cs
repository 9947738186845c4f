using CudaBn.Tests.Backends;
using CudaBn.Tests.Serialization;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Training;

/// <summary>What becomes of training that meets NaN or infinity, with and without looking on.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class NonFiniteTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private double Greatest => DType == DType.Float32 ? float.MaxValue : double.MaxValue;

    [Test]
    public void HugeWeightOfAnInnerLayer_IsNamedByItsPlace([Values] bool looksOn, [Values] bool fuses)
    {
        var training = Create(Network(fuses));
        Fill(training, "residual1.main.conv1.weight", Greatest);
        var before = training.Bits();

        var fault = Fails(training, looksOn);

        Assert.That(fault.Origin, Is.EqualTo(NonFiniteOrigin.Forward));
        Assert.That(fault.Layer, Is.EqualTo("residual1.main.conv1"));
        Assert.That(fault.TensorName, Is.EqualTo("the output"));
        Assert.That(double.IsFinite(fault.Value!.Value), Is.False);
        Assert.That((fault.Step, fault.Epoch, fault.StepOfEpoch), Is.EqualTo((1, (int?)null, (int?)null)));
        Assert.That(fault.Message, Does.Contain("step 1").And.Contain("Conv2d 'residual1.main.conv1'").And.Contain("finite"));
        Assert.That(training.Bits(), Is.EqualTo(before));
        Assert.That(training.Trainer.StepsDone, Is.Zero);
        Assert.That(training.Model.FusesLayers, Is.EqualTo(fuses));
    }

    [Test]
    public void HugeGammaOfANormalizationThatRunsWithOthers_IsNamed([Values] bool looksOn)
    {
        var training = Create(Network(fuses: true));
        Fill(training, "bn1.weight", Greatest);
        Fill(training, "bn1.bias", Greatest);
        var fault = Fails(training, looksOn);
        Assert.That((fault.Origin, fault.Layer), Is.EqualTo((NonFiniteOrigin.Forward, "bn1")));
    }

    [Test]
    public void SumOfAResidual_IsItsOwn([Values] bool looksOn)
    {
        var training = Create(new Sequential(new Residual(new Linear(4, 4)), new Linear(4, 3)));
        Fill(training, "residual1.main.weight", 0);
        Fill(training, "residual1.main.bias", Greatest);
        var fault = Fails(training, looksOn, Vectors(Greatest));
        Assert.That((fault.Origin, fault.Layer), Is.EqualTo((NonFiniteOrigin.Forward, "residual1")));
    }

    [Test]
    public void BrokenImage_IsNoFaultOfALayer([Values] bool looksOn, [Values(0, 5)] int place)
    {
        var training = Create(Network(fuses: true));
        var images = Ramp(2 * 36);
        images[place] = double.NaN;

        var fault = Fails(training, looksOn, (TensorOf(images, [2, 1, 6, 6]), LabelsOf(0, 1)));

        Assert.That((fault.Origin, fault.Index), Is.EqualTo((NonFiniteOrigin.Input, place)));
        Assert.That(fault.Message, Does.Contain($"NaN at [0, 0, 0, {place}] of the images of the batch"));
    }

    [Test]
    public void LossOfFiniteLogits_IsNoFaultOfALayer([Values] bool looksOn)
    {
        var training = Create(new Sequential(new Linear(4, 3)));
        Fill(training, "fc1.weight", 0);
        training.Parameter("fc1.bias").Value.CopyFromDoubles([Greatest, -Greatest, -Greatest]);
        var fault = Fails(training, looksOn, Vectors(1));
        Assert.That((fault.Origin, fault.Layer), Is.EqualTo((NonFiniteOrigin.Loss, "")));
        Assert.That(fault.Message, Does.Contain("the loss of SoftmaxCrossEntropy"));
    }

    [Test]
    public void BrokenParameter_IsNamed([Values] bool looksOn)
    {
        var training = Create(Network(fuses: true));
        training.Parameter("residual1.main.conv1.weight").Value.CopyFromDoubles(
            [.. Ramp(35), double.NegativeInfinity]);
        var fault = Fails(training, looksOn);
        Assert.That(
            (fault.Origin, fault.Layer, fault.TensorName, fault.Index, fault.Value),
            Is.EqualTo((NonFiniteOrigin.Update, "residual1.main.conv1", "weight", 35L, double.NegativeInfinity)));
    }

    [Test]
    public void GradientThatOverflows_IsNamedWhereItDoes_AndReachesNoParameter()
    {
        // Hidden units of 0 make logits of 0, and a gradient by the hidden units of 4/3 of the greatest number.
        var training = HiddenZeros();
        training.Trainer.DetectAnomalies = true;
        var before = training.Bits();
        var fault = Fails(training, looksOn: true, Vectors(1, count: 1));
        Assert.That(
            (fault.Origin, fault.Layer, fault.TensorName),
            Is.EqualTo((NonFiniteOrigin.Backward, "fc2", "the gradient by the input")));
        Assert.That(training.Bits(), Is.EqualTo(before));
    }

    [Test]
    public void GradientThatOverflows_UnlessLookedOn_ShowsInTheNextStep()
    {
        var training = HiddenZeros();
        var batch = Vectors(1, count: 1);
        training.Trainer.Step(batch);
        var fault = Fails(training, looksOn: false, batch);
        Assert.That((fault.Origin, fault.Layer, fault.Step), Is.EqualTo((NonFiniteOrigin.Update, "fc1", 2L)));
        Assert.That(fault.Message, Does.Contain("the update before"));
    }

    [Test]
    public void ThrowIfNonFinite_ParametersBrokenByTheLastUpdate_AreNamed()
    {
        var training = HiddenZeros();
        training.Trainer.Step(Vectors(1, count: 1));
        var fault = Assert.Throws<NonFiniteException>(training.Trainer.ThrowIfNonFinite)!;
        Assert.That((fault.Origin, fault.Layer, fault.Step), Is.EqualTo((NonFiniteOrigin.Update, "fc1", 1L)));
    }

    [Test]
    public void UpdateThatOverflows_IsNamedWhenLookedOn()
    {
        var training = Create(new Sequential(new Linear(4, 3)), learningRate: Greatest);
        var fault = Fails(training, looksOn: true, Vectors(100));
        Assert.That((fault.Origin, fault.Layer, fault.Step), Is.EqualTo((NonFiniteOrigin.Update, "fc1", 1L)));
        Assert.That(fault.Message, Does.Contain("After step 1").And.Contain("outputs and gradients of the step are finite"));
    }

    [Test]
    public void BrokenStatistics_AreNamed()
    {
        var training = Create(Network(fuses: true));
        training.Trainer.Step(Images());
        training.Model.State.Single(state => state.Name == "bn1.running_var").Tensor
            .CopyFromDoubles([1, double.PositiveInfinity]);
        var fault = Assert.Throws<NonFiniteException>(training.Trainer.ThrowIfNonFinite)!;
        Assert.That(
            (fault.Origin, fault.Layer, fault.TensorName, fault.Index),
            Is.EqualTo((NonFiniteOrigin.Statistics, "bn1", "running_var", 1L)));
    }

    [Test]
    public void BrokenOptimizerState_IsNamed()
    {
        var training = Create(new Sequential(new Linear(4, 3)), momentum: 0.9);
        training.Trainer.Step(Vectors(1));
        training.Optimizer.StateOfParameters.First().Tensor.CopyFromDoubles([.. new double[11], double.NaN]);
        var fault = Assert.Throws<NonFiniteException>(training.Trainer.ThrowIfNonFinite)!;
        Assert.That(
            (fault.Origin, fault.Layer, fault.TensorName, fault.Index),
            Is.EqualTo((NonFiniteOrigin.Update, "fc1", "the optimizer's state of weight", 11L)));
    }

    [Test]
    public void GradientsOfFrozenLayers_AreNotLookedAt()
    {
        var training = Create(Network(fuses: true));
        training.Model.Layers[0].Freeze();
        training.Model.Layers[1].Freeze();
        foreach (var parameter in training.Model.Parameters.Where(parameter => !parameter.RequiresGradient))
            Device.Backend.Fill(parameter.Gradient, double.NaN);
        training.Trainer.DetectAnomalies = true;
        training.Trainer.Step(Images());
        training.Trainer.Step(Images());
        Assert.That(training.Trainer.StepsDone, Is.EqualTo(2));
    }

    // One value that is kept and doubled, or dropped: the step is run again with the mask that it had.
    [Test]
    public void Dropout_IsRunAgainWithTheSameMask([Values(1, 2, 3, 4, 5)] int seed)
    {
        var training = Create(new Sequential(new Dropout(0.5), new Linear(1, 2)), learningRate: 0, seed: (ulong)seed);
        var dropout = (Dropout)training.Model.Layers[0];
        var batch = new Batch(TensorOf([Greatest], [1, 1]), LabelsOf(0));
        var fault = Assert.Throws<NonFiniteException>(() =>
        {
            for (var step = 0; step < 100; step++)
                training.Trainer.Step(batch);
            training.Trainer.ThrowIfNonFinite();
        })!;
        Assert.That((fault.Origin, fault.Layer), Is.EqualTo((NonFiniteOrigin.Forward, "dropout1")));
        Assert.That(dropout.Step!.ToArray<long>()[0], Is.InRange(fault.Step, 100));
    }

    [Test]
    public void Training_LookedOn_IsTheSameBitForBit()
    {
        var (plain, lookedOn) = (Create(Network(fuses: false)), Create(Network(fuses: false)));
        lookedOn.Trainer.DetectAnomalies = true;
        for (var step = 0; step < 4; step++)
        {
            plain.Trainer.Step(Images());
            lookedOn.Trainer.Step(Images());
        }

        Assert.That(lookedOn.Bits(), Is.EqualTo(plain.Bits()));
    }

    [Test]
    public void Checkpoint_OfBrokenParameters_LeavesTheOlderFile()
    {
        using var folder = new TemporaryFolder();
        var training = Create(Network(fuses: true));
        using var train = new DataLoader(
            new ImageDataset("two", 1, 6, 6, new byte[2 * 36], new byte[] { 0, 1 }, ["a", "b"]), 2, Device, DType);
        Checkpoint.Save(training.Trainer, train, folder["c.safetensors"]);
        var good = File.ReadAllBytes(folder["c.safetensors"]);
        Fill(training, "fc1.bias", double.NaN);
        var fault = Assert.Throws<NonFiniteException>(
            () => Checkpoint.Save(training.Trainer, train, folder["c.safetensors"]))!;
        Assert.That(fault.Layer, Is.EqualTo("fc1"));
        Assert.That(File.ReadAllBytes(folder["c.safetensors"]), Is.EqualTo(good));
        Assert.That(folder.FileNames(), Has.Length.EqualTo(1));
    }

    [Test]
    public void Training_AfterAFault_MayGoOn()
    {
        var training = Create(Network(fuses: true));
        Fill(training, "fc1.bias", double.NaN);
        Fails(training, looksOn: false);
        Fill(training, "fc1.bias", 0);
        training.Trainer.Step(Images());
        training.Trainer.ThrowIfNonFinite();
        Assert.That(training.Trainer.StepsDone, Is.EqualTo(1));
    }

    private static Sequential Network(bool fuses) => new(
        new Conv2d(1, 2, 3, padding: 1), new BatchNorm(2), new ReLU(), new MaxPool2d(2),
        new Residual(new Sequential(new Conv2d(2, 2, 3, padding: 1), new BatchNorm(2))), new ReLU(),
        new Flatten(), new Linear(18, 3)) { FusesLayers = fuses };

    private Training HiddenZeros()
    {
        var training = Create(new Sequential(new Linear(4, 2), new Linear(2, 3)), learningRate: 1);
        Fill(training, "fc1.weight", 0);
        Fill(training, "fc1.bias", 0);
        Fill(training, "fc2.bias", 0);
        training.Parameter("fc2.weight").Value.CopyFromDoubles(
            [Greatest, Greatest, -Greatest, -Greatest, Greatest, Greatest]);
        return training;
    }

    private Training Create(Sequential model, double learningRate = 0.1, double momentum = 0, ulong seed = 1)
    {
        model.Initialize(Device, DType, seed);
        return Own(new Training(model, learningRate, momentum));
    }

    private NonFiniteException Fails(Training training, bool looksOn, Batch? batch = null)
    {
        training.Trainer.DetectAnomalies = looksOn;
        var of = batch ?? Images();
        return Assert.Throws<NonFiniteException>(() =>
        {
            training.Trainer.Step(of);
            training.Trainer.ThrowIfNonFinite();
        })!;
    }

    private NonFiniteException Fails(Training training, bool looksOn, (Tensor Images, Tensor Labels) batch) =>
        Fails(training, looksOn, new Batch(batch.Images, batch.Labels));

    private Batch Images() => new(TensorOf(Ramp(2 * 36), [2, 1, 6, 6]), LabelsOf(0, 1));

    private Batch Vectors(double value, int count = 2) =>
        new(TensorOf([.. Enumerable.Repeat(value, 4 * count)], [count, 4]), LabelsOf([.. Enumerable.Range(1, count)]));

    private static double[] Ramp(int count) => [.. Enumerable.Range(1, count).Select(i => i % 7 / 8.0 + i % 3)];

    private void Fill(Training training, string parameter, double value) =>
        Device.Backend.Fill(training.Parameter(parameter).Value, value);

    private sealed class Training : IDisposable
    {
        private readonly SoftmaxCrossEntropy _loss = new();

        public Training(Sequential model, double learningRate, double momentum)
        {
            Model = model;
            Optimizer = new Sgd(model.Parameters, learningRate, momentum);
            Trainer = new Trainer(model, _loss, Optimizer);
        }

        public Sequential Model { get; }

        public Sgd Optimizer { get; }

        public Trainer Trainer { get; }

        public Parameter Parameter(string name) => Model.Parameters.Single(parameter => parameter.Name == name);

        /// <summary>Of the parameters: running statistics have seen the batch.</summary>
        public byte[] Bits() => [.. Model.Parameters.SelectMany(parameter => TensorBits.Of(parameter.Value))];

        public void Dispose()
        {
            Trainer.Dispose();
            Optimizer.Dispose();
            _loss.Dispose();
            Model.Dispose();
        }
    }
}
