using System.Globalization;
using System.Text.Json;
using CudaBn.Cli;
using CudaBn.Tests.Data;
using CudaBn.Tests.Support;
using NUnit.Framework;
using SkiaSharp;

namespace CudaBn.Tests.Cli;

/// <summary>A network trained on genuine images, and what the command says of others.</summary>
public class PredictTests
{
    private const int Count = 40;

    // What float leaves of a probability that is computed in batches of another size, and of its logarithm.
    private const double Rounding = 2e-6;

    private TestFolder _folder = null!;
    private ImageDataset _images = null!;
    private double[][] _expected = null!;

    private string Weights => _folder["run/model.safetensors"];

    [OneTimeSetUp]
    public void Train()
    {
        GenuineData.Require();
        _folder = new TestFolder();
        var data = FashionMnist.Load();
        _images = data.Test.Take(Count);
        var normalization = Normalization.Of(data.Train);
        // The notebook's first weights would give all images the same probabilities for many steps.
        using var model = SeedNetwork.Create(notebookInitialization: false);
        model.Initialize(Device.Cpu, seed: 1);
        using var train = new DataLoader(data.Train.Take(3000), 100, normalization: normalization);
        using var loss = new SoftmaxCrossEntropy();
        using var sgd = new Sgd(model.Parameters, SeedNetwork.LearningRate);
        using var trainer = new Trainer(model, loss, sgd);
        foreach (var batch in train)
            trainer.Step(batch);
        var settings = new DataSettings(DataSetChoice.FashionMnist, null, null, ImageColor.Rgb, null);
        Directory.CreateDirectory(_folder["run"]);
        model.Save(Weights);
        RunRecord.Of(ModelChoice.Notebook, settings, _images, normalization).Write(_folder["run/run.json"]);
        _expected = Probabilities(model, normalization);
        var right = _expected.Where((row, i) => Array.IndexOf(row, row.Max()) == _images.Labels.Span[i]).Count();
        Assert.That(right, Is.GreaterThan(Count / 2), "a network that tells images apart");

        for (var i = 0; i < Count; i++)
        {
            var pixels = Array.ConvertAll(_images.Image(i).ToArray(), level => new SKColor(level, level, level));
            var inverted = Array.ConvertAll(pixels, color => new SKColor((uint)color ^ 0x00FFFFFF));
            ImageFiles.Write(_folder[$"{i:D2}.png"], 28, 28, pixels);
            ImageFiles.Write(_folder[$"{i:D2}.jpg"], 28, 28, pixels, SKEncodedImageFormat.Jpeg);
            ImageFiles.Write(_folder[$"inverted-{i:D2}.png"], 28, 28, inverted);
        }

        var idx = IdxBytes.Images(Count, 28, 28, _images.Images.Span);
        _folder.Write("images.idx", idx);
        _folder.Write("images.gz", IdxBytes.Gzip(idx));
    }

    [OneTimeTearDown]
    public void RemoveFolder() => _folder?.Dispose();

    [TestCase("{0:D2}.png", Count)]
    [TestCase("images.idx", 1)]
    [TestCase("images.gz", 1)]
    [TestCase("inverted-{0:D2}.png", Count)]
    public void Json_OfTheSameImages_HasTheLibrarysProbabilities(string name, int files)
    {
        string[] options = name.StartsWith("inverted", StringComparison.Ordinal) ? ["--invert"] : [];
        using var report = Predict([.. Names(name, files), "--top", "10", .. options]);

        var predictions = report.RootElement.GetProperty("predictions").EnumerateArray().ToArray();
        Assert.That(predictions, Has.Length.EqualTo(Count));
        for (var i = 0; i < Count; i++)
        {
            Assert.That(
                (predictions[i].GetProperty("file").GetString(), predictions[i].GetProperty("index").GetInt32()),
                Is.EqualTo(files == 1 ? (name, i) : (Names(name, files)[i], 0)));
            var top = Top(predictions[i]);
            Assert.That(top.Select(likely => likely.Probability), Is.Ordered.Descending);
            Assert.That(top.Sum(likely => likely.Probability), Is.EqualTo(1).Within(1e-12));
            Assert.That(top.Select(likely => likely.Label), Is.EquivalentTo(Enumerable.Range(0, 10)));
            foreach (var (label, text, probability) in top)
            {
                Assert.That(text, Is.EqualTo(FashionMnist.ClassNames[label]));
                Assert.That(probability, Is.EqualTo(_expected[i][label]).Within(Rounding), $"image {i}, class {label}");
            }
        }
    }

    [Test]
    public void Json_OfJpeg_IsNearThatOfTheIdxImages()
    {
        using var report = Predict([.. Names("{0:D2}.jpg", Count), "--top", "1"]);

        var predictions = report.RootElement.GetProperty("predictions").EnumerateArray().ToArray();
        for (var i = 0; i < Count; i++)
        {
            var (label, _, probability) = Top(predictions[i]).Single();
            Assert.That(probability, Is.EqualTo(_expected[i][label]).Within(0.1));
            // Where two classes are near each other, the losses of JPEG may decide.
            Assert.That(_expected[i][label], Is.GreaterThan(_expected[i].Max() - 0.1));
        }
    }

    [Test]
    public void Json_NamesWeightsModelAndDevice()
    {
        using var report = Predict(["00.png"]);

        var root = report.RootElement;
        Assert.That(root.EnumerateObject().Select(member => member.Name), Is.EqualTo(
            new[] { "weights", "model", "device", "predictions", "errors" }));
        Assert.That(root.GetProperty("weights").GetString(), Is.EqualTo(Path.Combine("run", "model.safetensors")));
        Assert.That(root.GetProperty("model").GetString(), Is.EqualTo("notebook"));
        Assert.That(root.GetProperty("device").GetString(), Is.EqualTo("cpu"));
        Assert.That(root.GetProperty("predictions")[0].GetProperty("top").GetArrayLength(), Is.EqualTo(3));
        Assert.That(root.GetProperty("errors").GetArrayLength(), Is.Zero);
    }

    [Test]
    public void Table_HasALineForEachImageWithItsMostProbableClasses()
    {
        using var command = Run(["predict", "00.png", "images.idx", "--weights", "run", "--top", "2"]);

        Assert.That(command.ExitCode, Is.Zero, command.Error);
        Assert.That(command.Output, Does.Contain($"weights  {Path.Combine("run", "model.safetensors")}"));
        var lines = command.Lines[^(Count + 1)..];
        for (var i = 0; i <= Count; i++)
        {
            var probabilities = _expected[Math.Max(0, i - 1)];
            var best = Array.IndexOf(probabilities, probabilities.Max());
            Assert.That(lines[i], Does.StartWith(i == 0 ? "00.png " : $"images.idx[{i - 1}] "));
            Assert.That(lines[i], Does.Contain($"  {FashionMnist.ClassNames[best]} "));
            Assert.That(lines[i].Split("  ", StringSplitOptions.RemoveEmptyEntries), Has.Length.GreaterThanOrEqualTo(3));
            var first = lines[i].Split(' ').First(word => word.StartsWith("0.", StringComparison.Ordinal) || word == "1.0000");
            Assert.That(
                double.Parse(first, CultureInfo.InvariantCulture), Is.EqualTo(probabilities[best]).Within(0.5e-4 + Rounding));
        }
    }

    [Test]
    public void Files_ThatCannotBeRead_AreNamedAndTheOthersPredicted()
    {
        var whole = File.ReadAllBytes(_folder["01.png"]);
        _folder.Write("cut.png", whole.AsSpan(0, whole.Length / 2));
        _folder.Write("text.png", "no image"u8);
        _folder.Write("labels.idx", IdxBytes.Labels([1, 2, 3]));
        _folder.Write("cut.gz", File.ReadAllBytes(_folder["images.gz"]).AsSpan(0, 500));
        Directory.CreateDirectory(_folder["folder"]);
        string[] broken = ["cut.png", "text.png", "nowhere.png", "labels.idx", "cut.gz", "folder"];

        using var command = Run(["predict", "00.png", .. broken, "02.png", "--json", "--weights", "run"]);

        Assert.That(command.ExitCode, Is.EqualTo(ExitCodes.Failed));
        using var report = JsonDocument.Parse(command.Output);
        var predictions = report.RootElement.GetProperty("predictions").EnumerateArray().ToArray();
        Assert.That(
            predictions.Select(one => one.GetProperty("file").GetString()), Is.EqualTo(new[] { "00.png", "02.png" }));
        // Each is still that of its own image.
        foreach (var (prediction, image) in new[] { (predictions[0], 0), (predictions[1], 2) })
        {
            var (label, _, probability) = Top(prediction)[0];
            Assert.That(probability, Is.EqualTo(_expected[image][label]).Within(Rounding));
        }

        var errors = report.RootElement.GetProperty("errors").EnumerateArray().ToArray();
        Assert.That(errors.Select(error => error.GetProperty("file").GetString()), Is.EqualTo(broken));
        var lines = command.Error.TrimEnd().Split('\n');
        Assert.That(lines, Has.Length.EqualTo(broken.Length));
        for (var i = 0; i < broken.Length; i++)
        {
            Assert.That(lines[i], Does.StartWith($"cudabn: {broken[i]}: "));
            Assert.That(lines[i], Does.EndWith(errors[i].GetProperty("message").GetString()!));
        }
    }

    [Test]
    public void Images_OfAnotherSize_AreScaled()
    {
        var pixels = Array.ConvertAll(_images.Image(0).ToArray(), level => new SKColor(level, level, level));
        var twice = Enumerable.Range(0, 56 * 56).Select(i => pixels[(i / 56 / 2 * 28) + (i % 56 / 2)]).ToArray();
        ImageFiles.Write(_folder["large.png"], 56, 56, twice);
        _folder.Write("large.idx", IdxBytes.Images(1, 56, 56, Array.ConvertAll(twice, color => color.Red)));

        var scaled = new byte[28 * 28];
        CoveringResize.Run(Array.ConvertAll(twice, color => color.Red), 56, 56, scaled, (28, 28));
        _folder.Write("scaled.idx", IdxBytes.Images(1, 28, 28, scaled));

        using var report = Predict(["large.png", "large.idx", "scaled.idx"]);

        var tops = report.RootElement.GetProperty("predictions").EnumerateArray().Select(Top).ToArray();
        Assert.That(tops[0], Is.EqualTo(tops[2]));
        Assert.That(tops[1], Is.EqualTo(tops[2]));
    }

    [Test]
    public void Images_InGrey_AreTakenByANetworkOfColors()
    {
        var colors = new ImageDataset("colors", 3, 28, 28, new byte[2 * 3 * 28 * 28], new byte[] { 0, 1 }, ["a", "b"]);
        var record = RunRecord.Of(
            ModelChoice.Resnet20, new DataSettings(DataSetChoice.Folder, "f", null, ImageColor.Rgb, null), colors, null);
        using var model = ResNet20.Create(3, 2);
        model.Initialize(Device.Cpu, seed: 1);
        model.Save(
            _folder["colors.safetensors"], new Dictionary<string, string> { [RunRecord.MetadataKey] = record.ToJson() });

        using var report = Predict(["07.png", "images.idx"], "colors.safetensors");

        var predictions = report.RootElement.GetProperty("predictions").EnumerateArray().Select(Top).ToArray();
        Assert.That(predictions[0].Select(likely => likely.Name), Is.EquivalentTo(new[] { "a", "b" }));
        Assert.That(predictions[0][0].Probability, Is.EqualTo(predictions[8][0].Probability).Within(1e-6));
    }

    [Test]
    public void Weights_NotNamed_AreThoseOfTheNewestRun()
    {
        using var home = new TestFolder();
        var (weights, record) = (File.ReadAllBytes(Weights), File.ReadAllBytes(_folder["run/run.json"]));
        foreach (var (run, day) in new[] { ("20260101-000000", 3), ("second", 5), ("20260909-000000", 4) })
        {
            home.Write($"runs/{run}/run.json", record);
            File.SetLastWriteTimeUtc(
                home.Write($"runs/{run}/model.safetensors", weights), new DateTime(2026, 1, day, 0, 0, 0, DateTimeKind.Utc));
        }

        Directory.CreateDirectory(home["runs/without-weights"]);
        using var command = CudabnProcess.Run(home[""], "predict", _folder["00.png"]);

        Assert.That(command.ExitCode, Is.Zero, command.Error);
        Assert.That(command.Output, Does.Contain($"weights  {Path.Combine("runs", "second", "model.safetensors")}"));
    }

    [TestCase("predict 00.png", "--weights")]
    [TestCase("predict", "IMAGE")]
    [TestCase("predict 00.png --top 0 --weights run", "--top 0")]
    [TestCase("predict 00.png --model resnet0 --weights run", "resnet0")]
    public void WrongUsage_IsOneLineWithTheValue(string arguments, string culprit)
    {
        using var command = Run(arguments.Split(' '));

        Assert.That(command.ExitCode, Is.EqualTo(ExitCodes.Usage));
        Assert.That(command.Output, Is.Empty);
        Assert.That(command.Error, Does.StartWith("cudabn: ").And.Contain(culprit));
        Assert.That(command.Error.TrimEnd().Split('\n'), Has.Length.EqualTo(1));
    }

    [Test]
    public void Weights_ThatGiveNoNumbers_AreAnErrorOfEveryImage()
    {
        using var model = SeedNetwork.Create();
        model.Initialize(Device.Cpu, seed: 1);
        var bias = model.Parameters[^1].Value;
        var values = bias.ToArray<float>();
        values[3] = float.NaN;
        bias.CopyFrom<float>(values);
        model.Save(_folder["nan.safetensors"]);

        using var command = Run(["predict", "00.png", "01.png", "--weights", "nan.safetensors"]);

        Assert.That(command.ExitCode, Is.EqualTo(ExitCodes.Failed));
        var lines = command.Error.TrimEnd().Split('\n');
        Assert.That(lines, Has.Length.EqualTo(2).And.All.Contain("not finite"));
    }

    [Test]
    public void Idx_OfTenThousandImages_IsRightAsOftenAsItsEvaluation()
    {
        var data = FashionMnist.Load().Test;
        using var eval = Run(["eval", "run", "--data", FashionMnist.Find().Folder!]);
        var accuracy = eval.Lines.First(line => line.StartsWith("test loss", StringComparison.Ordinal));

        using var report = Predict([_folder.Write("all.idx", IdxBytes.Images(data.Count, 28, 28, data.Images.Span))]);

        var labels = report.RootElement.GetProperty("predictions").EnumerateArray().Select(one => Top(one)[0].Label).ToArray();
        var right = labels.Where((label, i) => label == data.Labels.Span[i]).Count();
        Assert.That(labels, Has.Length.EqualTo(data.Count));
        Assert.That(accuracy, Does.Contain(string.Create(
            CultureInfo.InvariantCulture, $"test accuracy {(double)right / data.Count:F6} on 10000")));
    }

    /// <summary>From the loss of every image under every label, which is all that the library says of probabilities.</summary>
    private double[][] Probabilities(Layer model, Normalization normalization)
    {
        model.IsTraining = false;
        using var loss = new SoftmaxCrossEntropy();
        using var loader = new DataLoader(_images, batchSize: 1, normalization: normalization);
        return
        [
            .. loader.Select(batch => Enumerable.Range(0, 10).Select(label =>
            {
                using var labels = Tensor.From<int>([label], [1]);
                return Math.Exp(-loss.Forward(model.Forward(batch.Images), labels).ToArray<float>()[0]);
            }).ToArray()),
        ];
    }

    private static string[] Names(string name, int count) =>
        [.. Enumerable.Range(0, count).Select(i => string.Format(CultureInfo.InvariantCulture, name, i))];

    private static (int Label, string Name, double Probability)[] Top(JsonElement prediction) =>
    [
        .. prediction.GetProperty("top").EnumerateArray().Select(likely => (
            likely.GetProperty("label").GetInt32(),
            likely.GetProperty("name").GetString()!,
            likely.GetProperty("probability").GetDouble())),
    ];

    private JsonDocument Predict(string[] arguments, string weights = "run")
    {
        using var command = Run(["predict", "--json", "--weights", weights, .. arguments]);
        Assert.That(command.ExitCode, Is.Zero, command.Error);
        Assert.That(command.Error, Is.Empty);
        return JsonDocument.Parse(command.Output);
    }

    private CudabnProcess Run(string[] arguments) => CudabnProcess.Run(_folder[""], arguments);
}
