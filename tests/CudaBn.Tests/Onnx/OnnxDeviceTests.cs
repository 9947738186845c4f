using CudaBn.Onnx;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Serialization;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Onnx;

/// <summary>Export of models that lie on a device, and import to it.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.CudaInEveryType))]
public class OnnxDeviceTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private static readonly Shape _images = [4, 2, 9, 9];

    private TemporaryFolder _folder = null!;

    private string File => _folder["model.onnx"];

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Export_AfterTrainingOnTheDevice_WritesTheFileOfTheSameModelOnTheCpu()
    {
        var model = OnDevice(Network());
        Train(model);
        OnnxExport.Save(model, File, _images);

        model.Save(_folder["weights.safetensors"]);
        var onCpu = Own(Network());
        onCpu.Initialize(Device.Cpu, DType);
        onCpu.Load(_folder["weights.safetensors"]);
        OnnxExport.Save(onCpu, _folder["cpu.onnx"], _images);

        Assert.That(System.IO.File.ReadAllBytes(File), Is.EqualTo(System.IO.File.ReadAllBytes(_folder["cpu.onnx"])));
        Assert.That(model.IsTraining, Is.True);
    }

    [Test]
    public void Import_ToTheDevice_EvaluatesAndTrainsAsTheModelThatWasExported()
    {
        var model = OnDevice(Network());
        Train(model);
        OnnxExport.Save(model, File, _images);
        var x = TensorOf(Rounded(RandomVector.Normal(9, (int)_images.ElementCount)), _images);

        var imported = Own(OnnxImport.Load(File, Device));

        Assert.That(imported.State.Select(state => state.Tensor.Device), Is.All.EqualTo(Device));
        model.IsTraining = false;
        Assert.That(Read(imported.Forward(x)), Is.EqualTo(Read(model.Forward(x))));
        model.IsTraining = imported.IsTraining = true;
        Train(model);
        Train(imported);
        foreach (var (actual, expected) in imported.State.Zip(model.State))
        {
            Assert.That(actual.Name, Is.EqualTo(expected.Name));
            if (actual.Tensor.DType == DType.Int64)
                Assert.That(actual.Tensor.ToArray<long>(), Is.EqualTo(expected.Tensor.ToArray<long>()), actual.Name);
            else
                Assert.That(Read(actual.Tensor), Is.EqualTo(Read(expected.Tensor)), actual.Name);
        }
    }

    private static Sequential Network() => new(
        new Conv2d(2, 3, 3, padding: 1, bias: false), new BatchNorm(3), new ReLU(),
        new Residual(new Sequential(new Conv2d(3, 3, 3, padding: 1), new BatchNorm(3)) { OmitsName = true }), new ReLU(),
        new MaxPool2d(2), new AvgPool2d(2, stride: 1, padding: 1), new GELU(), new Flatten(), new Linear(75, 4));

    private void Train(Sequential model)
    {
        var loss = Own(new SoftmaxCrossEntropy());
        var sgd = Own(new Sgd(model.Parameters, 0.1));
        loss.Forward(
            model.Forward(TensorOf(Rounded(RandomVector.Normal(3, (int)_images.ElementCount)), _images)), LabelsOf(0, 3, 1, 2));
        model.BackwardParameters(loss.Backward());
        sgd.Step();
    }
}
