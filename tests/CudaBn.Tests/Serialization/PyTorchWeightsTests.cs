using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Serialization;

/// <summary>Weights that PyTorch saved, in a model: what it makes of images, against what PyTorch does.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class PyTorchWeightsTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Load_TakesEveryTensorByName_AndEvaluatesAsPyTorchDoes()
    {
        var results = new PyTorchFile("results.safetensors", _folder);
        var images = TensorOf(results["images"], results.ShapeOf("images"));
        string[] exact = ["float32", "float16", "bfloat16"];
        foreach (var type in DType == DType.Float64 ? exact.Append("float64") : exact)
        {
            var file = new PyTorchFile($"{type}.safetensors", _folder);
            var model = OnDevice(PyTorchFile.CreateNetwork());

            var loaded = model.Load(file.Path);

            Assert.That(loaded.IsComplete, Is.True, type);
            Assert.That(loaded.Metadata["format"], Is.EqualTo("pt"));
            Assert.That(model.State.Select(state => state.Name), Is.EquivalentTo(file.Entries.Select(entry => entry.Name)));
            foreach (var (name, tensor) in model.State)
                Assert.That(NumbersOf(tensor), Is.EqualTo(file[name]), $"{type}: {name}");
            model.IsTraining = false;
            results.AssertEqual($"{type}/logits", Read(model.Forward(images)), UnitRoundoff);
        }
    }

    [TestCase("sgd", 1)]
    [TestCase("momentum", 2)]
    [TestCase("nesterov", 2)]
    [TestCase("adam", 2)]
    [TestCase("adamw", 2)]
    public void TrainedFurther_WeightsAndRunningStatistics_AreThoseOfPyTorch(string optimizer, int steps)
    {
        var weights = new PyTorchFile("float32.safetensors", _folder);
        var results = new PyTorchFile("results.safetensors", _folder);
        var model = OnDevice(PyTorchFile.CreateNetwork());
        model.Load(weights.Path);
        var images = TensorOf(results["images"], results.ShapeOf("images"));
        var labels = LabelsOf(results.Labels);
        var loss = Own(new SoftmaxCrossEntropy());
        var step = Own(Create(optimizer, model.Parameters));

        var losses = new double[steps];
        for (var i = 0; i < steps; i++)
        {
            losses[i] = Read(loss.Forward(model.Forward(images), labels))[0];
            model.BackwardParameters(loss.Backward());
            step.Step();
        }

        results.AssertEqual($"{optimizer}/losses", losses, UnitRoundoff);
        Assert.That(model.State.Select(state => state.Name).Append("losses"), Is.EquivalentTo(results.Within($"{optimizer}/")));
        foreach (var (name, tensor) in model.State)
            results.AssertEqual($"{optimizer}/{name}", NumbersOf(tensor), UnitRoundoff);
    }

    [TestCase("vectors")]
    [TestCase("signals")]
    [TestCase("images")]
    [TestCase("volumes")]
    public void BatchNorm_OfThreeBatches_IsThatOfPyTorch(string kind)
    {
        var results = new PyTorchFile("batch_norm.safetensors", _folder);
        var layer = OnDevice(kind switch
        {
            "vectors" => new BatchNorm(3),
            "signals" => new BatchNorm(2, epsilon: 1e-3, momentum: 0.3),
            "images" => new BatchNorm(3, momentum: null),
            _ => new BatchNorm(2, affine: false),
        });
        foreach (var parameter in layer.Parameters)
            Write(results[$"{kind}/{parameter.Name}"], parameter.Value);
        var (shape, grad) = (results.ShapeOf($"{kind}/grad"), TensorOf(results[$"{kind}/grad"], results.ShapeOf($"{kind}/grad")));

        for (var batch = 0; batch < 3; batch++)
        {
            var output = layer.Forward(TensorOf(results[$"{kind}/input{batch}"], shape));
            if (batch == 2)
                AssertEqual("output", output);
            var gradInput = layer.Backward(grad);
            if (batch == 2)
                AssertEqual("grad_input", gradInput);
        }

        foreach (var parameter in layer.Parameters)
            AssertEqual($"grad/{parameter.Name}", parameter.Gradient);
        Assert.That(layer.State.Select(state => state.Name), Is.EquivalentTo(results.Within($"{kind}/after/")));
        foreach (var (name, tensor) in layer.State)
            results.AssertEqual($"{kind}/after/{name}", NumbersOf(tensor), UnitRoundoff);
        layer.IsTraining = false;
        AssertEqual("evaluation", layer.Forward(TensorOf(results[$"{kind}/input2"], shape)));

        void AssertEqual(string name, Tensor actual) => results.AssertEqual($"{kind}/{name}", Read(actual), UnitRoundoff);
    }

    private static Optimizer Create(string name, IReadOnlyList<Parameter> parameters) => name switch
    {
        "sgd" => new Sgd(parameters, 0.2),
        "momentum" => new Sgd(parameters, 0.1, momentum: 0.9, dampening: 0.25, weightDecay: 0.01),
        "nesterov" => new Sgd(parameters, 0.1, momentum: 0.8, nesterov: true),
        "adam" => new Adam(parameters, 0.01, beta1: 0.8, beta2: 0.95, epsilon: 1e-3, weightDecay: 0.01),
        _ => new AdamW(parameters, 0.01, beta1: 0.8, beta2: 0.95, epsilon: 1e-3, weightDecay: 0.1),
    };

    private static double[] NumbersOf(Tensor tensor) => tensor.DType == DType.Int64
        ? Array.ConvertAll(tensor.ToArray<long>(), count => (double)count)
        : Read(tensor);
}
