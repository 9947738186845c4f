using System.Globalization;
using System.Runtime.CompilerServices;
using CudaBn.Onnx;
using CudaBn.Tests.Cli;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests;

/// <summary>The examples of the README, compiled here and compared with it word for word.</summary>
[NonParallelizable]
public class ReadmeTests
{
    [Test]
    public void Examples_AreTheCompiledOnes()
    {
        var blocks = File.ReadAllText(Path.Combine(Root(), "README.md")).Split("```csharp\n").Skip(1)
            .Select(block => block[..block.IndexOf("```", StringComparison.Ordinal)].Trim()).ToArray();
        Assert.That(blocks, Is.Not.Empty);
        var source = Unindented(File.ReadAllText(ThisFile()));
        foreach (var block in blocks)
            Assert.That(source, Does.Contain(Unindented(block)));
        Assert.That(blocks[0].Split('\n'), Has.Length.EqualTo(11));
    }

    [TestCase("README.md", 14)]
    [TestCase("src/CudaBn/README.md", 0)]
    [TestCase("src/CudaBn.Cli/README.md", 6)]
    [TestCase("src/CudaBn.Onnx/README.md", 0)]
    public void CommandLines_AreTaken(string readme, int lines)
    {
        // What stands under Speed are options of the benchmarks.
        var text = string.Join("\n## ", File.ReadAllText(Path.Combine(Root(), readme)).Split("\n## ")
            .Where(section => !section.StartsWith("Speed\n", StringComparison.Ordinal)));
        var found = CommandLines.In(text).ToArray();
        Assert.That(found, Has.Length.GreaterThanOrEqualTo(lines));
        Assert.That(found.SelectMany(CommandLines.Faults), Is.Empty);
        Assert.That(CommandLines.OptionsIn(text).SelectMany(CommandLines.FaultsOfOption), Is.Empty);
    }

    [Test]
    public void TrainingExample_Runs()
    {
        GenuineData.Require();
        var output = InAFolderOfItsOwn(() =>
        {
            TrainingExample();
            Assert.That(new FileInfo("model.safetensors").Length, Is.GreaterThan(171_128 * sizeof(float)));
        });
        Assert.That(output, Does.Match(@"^1: \d\d\.\d ?% of the test images"));
    }

    [Test]
    public void ModelExample_MakesLogits()
    {
        using var model = ModelExample();
        model.Initialize(Device.Cpu);
        using var images = Tensor.Zeros([2, 1, 28, 28]);
        Assert.That(model.Forward(images).Shape, Is.EqualTo(new Shape(2, 10)));
    }

    [Test]
    public void ResidualExample_GivesAModelWithoutBatchNorms()
    {
        using var loss = new SoftmaxCrossEntropy();
        ResidualExample(DrawnGarments.Create(256, 10), Device.Cpu, loss);
    }

    [Test]
    public void LoadingExample_NamesTheNewHead()
    {
        using var model = new Sequential(new Linear(4, 3), new Linear(3, 2));
        using var other = new Sequential(new Linear(4, 3), new Linear(3, 5) { Name = "head" });
        model.Initialize(Device.Cpu, seed: 1);
        other.Initialize(Device.Cpu, seed: 2);

        var output = InAFolderOfItsOwn(() => LoadingExample(model, other));

        Assert.That(output.Trim(), Is.EqualTo("head.weight, head.bias start anew; saved after 10 epochs"));
        Assert.That(
            other.Parameters[0].Value.ToArray<float>(), Is.EqualTo(model.Parameters[0].Value.ToArray<float>()));
    }

    [Test]
    public void CheckpointExample_GoesOnWhereItWas()
    {
        var data = DrawnGarments.Create(64, 10);
        var output = InAFolderOfItsOwn(() =>
        {
            for (var run = 0; run < 2; run++)
            {
                using var model = new Sequential(new Flatten(), new Linear(28 * 28, 10));
                model.Initialize(Device.Cpu, seed: 1);
                using var train = new DataLoader(data.Train, 32, Device.Cpu, shuffle: true, seed: 1);
                using var test = new DataLoader(data.Test, 10, Device.Cpu);
                using var loss = new SoftmaxCrossEntropy();
                using var sgd = new Sgd(model.Parameters, 0.1);
                using var trainer = new Trainer(model, loss, sgd);
                CheckpointExample(trainer, train, test);
                Assert.That((trainer.EpochsDone, trainer.StepsDone), Is.EqualTo((10, 20L)));
            }
        });
        Assert.That(output.Split('\n', StringSplitOptions.RemoveEmptyEntries), Has.Length.EqualTo(10));
    }

    [Test]
    public void OnnxExample_GivesTheSameModelBack()
    {
        using var model = ModelExample();
        model.Initialize(Device.Cpu, seed: 1);
        InAFolderOfItsOwn(() => OnnxExample(model, Device.Cpu));
    }

    /// <summary>Runs in an empty current folder.</summary>
    /// <returns>What was written to the console.</returns>
    private static string InAFolderOfItsOwn(Action example)
    {
        var folder = Directory.CreateTempSubdirectory("cudabn-readme-");
        var before = Environment.CurrentDirectory;
        var console = Console.Out;
        using var output = new StringWriter(CultureInfo.InvariantCulture);
        try
        {
            Environment.CurrentDirectory = folder.FullName;
            Console.SetOut(output);
            example();
            return output.ToString();
        }
        finally
        {
            Console.SetOut(console);
            Environment.CurrentDirectory = before;
            folder.Delete(recursive: true);
        }
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;

    private static string Root() => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", ".."));

    private static string Unindented(string text) =>
        string.Join('\n', text.Split('\n').Select(line => line.Trim()));

    private static void TrainingExample()
    {
        using var model = SeedNetwork.Create();
        model.Initialize(Device.Best(), seed: 1);
        var data = FashionMnist.Load();
        using var train = new DataLoader(data.Train, batchSize: 256, model.Device, shuffle: true, seed: 1);
        using var test = new DataLoader(data.Test, batchSize: 256, model.Device);
        using var loss = new SoftmaxCrossEntropy();
        using var sgd = new Sgd(model.Parameters, learningRate: 0.2);
        using var trainer = new Trainer(model, loss, sgd);
        foreach (var epoch in trainer.Fit(train, test, epochs: 1))
            Console.WriteLine($"{epoch.Epoch}: {epoch.TestAccuracy:P1} of the test images");
        model.Save("model.safetensors");
    }

    private static void ResidualExample(ImageDataSplits data, Device device, SoftmaxCrossEntropy loss)
    {
        using var model = ResNet20.Create(inChannels: 1, classes: 10);
        model.Initialize(device, seed: 1);
        using var train = new DataLoader(
            data.Train, batchSize: 128, device, shuffle: true,
            augmentation: new Augmentation(cropPadding: 3, horizontalFlip: true), normalization: Normalization.Of(data.Train));
        using var sgd = Sgd.OfGroups(
            ParameterGroup.WithoutDecayOnNorms(model, weightDecay: 1e-4), learningRate: 0.1, momentum: 0.9);
        using var trainer = new Trainer(model, loss, sgd, LearningRateSchedule.OneCycle(0.1, total: 10 * train.BatchCount));
        for (var epoch = 0; epoch < 10; epoch++)
        {
            foreach (var batch in train)
                trainer.Step(batch);
        }

        BatchNorm.RecomputeStatistics(model, train);
        using var deployed = model.Fuse();

        model.IsTraining = false;
        using var images = new DataLoader(data.Test, batchSize: 10, device, normalization: Normalization.Of(data.Train));
        foreach (var batch in images)
        {
            var (expected, actual) = (model.Forward(batch.Images).ToArray<float>(), deployed.Forward(batch.Images).ToArray<float>());
            var greatest = expected.Max(Math.Abs);
            Assert.That(actual, Is.EqualTo(expected).Within(1e-5 * greatest));
        }

        Assert.That(deployed.State.Count, Is.LessThan(model.State.Count / 2));
    }

    private static void LoadingExample(Sequential model, Sequential other)
    {
        model.Save("model.npz", new Dictionary<string, string> { ["epochs"] = "10" });
        var loaded = other.Load("model.npz", strict: false);
        Console.WriteLine($"{string.Join(", ", loaded.Missing)} start anew; saved after {loaded.Metadata["epochs"]} epochs");
    }

    private static void CheckpointExample(Trainer trainer, DataLoader train, DataLoader test)
    {
        var checkpoints = new CheckpointFolder("checkpoints", keep: 3);
        var restored = checkpoints.LoadNewest(trainer, train);
        foreach (var warning in restored?.Warnings ?? [])
            Console.Error.WriteLine(warning);
        var everyHundred = new CheckpointInterval(100, () => checkpoints.Save(trainer, train));
        while (trainer.EpochsDone < 10)
        {
            var epoch = trainer.Fit(train, test, epochs: 1, checkpoints: everyHundred).Single();
            Console.WriteLine($"{epoch.Epoch}: {epoch.TestAccuracy:P1} of the test images");
            checkpoints.Save(trainer, train);
        }
    }

    private static void OnnxExample(Sequential model, Device device)
    {
        OnnxExport.Save(model, "model.onnx", inputShape: [1, 1, 28, 28], new OnnxExportOptions { ClassNames = FashionMnist.ClassNames });
        using var imported = OnnxImport.Load("model.onnx", device);

        model.IsTraining = imported.IsTraining = false;
        using var images = Tensor.Zeros([2, 1, 28, 28]);
        Assert.That(imported.Forward(images).ToArray<float>(), Is.EqualTo(model.Forward(images).ToArray<float>()));
    }

    private static Sequential ModelExample()
    {
        var model = new Sequential(
            new Conv2d(1, 32, kernel: 3, padding: 1, bias: false), new BatchNorm(32), new ReLU(), new MaxPool2d(2),
            new Flatten(), new Linear(32 * 14 * 14, 10));
        return model;
    }
}
