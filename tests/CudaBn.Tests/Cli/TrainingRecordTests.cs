using CudaBn.Cli;
using CudaBn.Tests.Core;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

/// <summary>What run.json says of how a run is trained.</summary>
public class TrainingRecordTests
{
    private const string Run =
        """{"model":"resnet20","dataSet":"cifar10","data":null,"imageSize":null,"color":"rgb","channels":3,"height":32,"""
        + "\"width\":32,\"classes\":[\"a\",\"b\"],\"means\":null,\"stds\":null,\"training\":";

    private const string Training =
        """{"epochs":7,"batchSize":64,"learningRate":0.30000000000000004,"momentum":0.9,"weightDecay":0.0001,"""
        + "\"schedule\":\"one-cycle\",\"seed\":18446744073709551615,\"init\":\"default\",\"lastBatch\":\"keep\",\"augment\":true,"
        + "\"normalize\":true,\"limit\":null,\"notebookBug\":false,\"tensorBoard\":true,\"device\":\"cuda:1\",\"threads\":3,"
        + "\"saveEvery\":50,\"keep\":2}";

    private static readonly TrainSettings _settings = new(
        ModelChoice.Resnet20, new DataSettings(DataSetChoice.Cifar10, null, null, ImageColor.Rgb, null), 7,
        new Recipe(64, 0.1 + 0.2, 0.9, 1e-4, ScheduleChoice.OneCycle), ulong.MaxValue, NotebookInitialization: false,
        DropLastBatch: false, Augments: true, Normalizes: true, "cuda:1", 3, Out: null, NotebookBug: false, TensorBoard: true, 50, 2,
        DetectsAnomalies: false);

    private TemporaryFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Find_GivesTheSettings()
    {
        File.WriteAllText(_folder[RunRecord.FileName], $"{Run}{Training}}}");
        var run = RunToResume.Find(_folder[""]);
        Assert.That((run.FolderPath, run.Settings), Is.EqualTo((_folder[""], _settings)));
    }

    [Test]
    public void Of_IsReadBack()
    {
        var record = RunRecord.Parse($"{Run}null}}", "run.json") with
        {
            Training = TrainingRecord.Of(_settings with { Device = "auto" }, Device.Cpu),
        };
        record.Write(_folder[RunRecord.FileName]);
        Assert.That(RunToResume.Find(_folder[""]).Settings, Is.EqualTo(_settings with { Device = "cpu" }));
    }

    [Test]
    public void DetectAnomalyAndTestImages_AreReadBack()
    {
        var record = RunRecord.Parse($"{Run}null}}", "run.json") with
        {
            Training = TrainingRecord.Of(_settings with { DetectsAnomalies = true }, Device.Cpu),
            TestImages = "0123",
        };
        record.Write(_folder[RunRecord.FileName]);
        var run = RunToResume.Find(_folder[""]);
        Assert.That((run.Settings.DetectsAnomalies, run.TestImages), Is.EqualTo((true, "0123")));
    }

    [Test]
    public void LearningRateChanges_AreReadBack_AndWrittenOnlyWhereThereAreSome()
    {
        var changed = _settings with { Recipe = _settings.Recipe.ChangedAfter(120, 0.05).ChangedAfter(300, 0) };
        var record = RunRecord.Parse($"{Run}null}}", "run.json");
        var text = (record with { Training = TrainingRecord.Of(changed, Device.Cpu) }).ToJson();
        Assert.That(text, Does.Contain(
            "\"learningRateChanges\":[{\"step\":120,\"learningRate\":0.05},{\"step\":300,\"learningRate\":0}]"));
        File.WriteAllText(_folder[RunRecord.FileName], text);
        Assert.That(
            RunToResume.Find(_folder[""]).Settings.Recipe.LearningRateChanges,
            Is.EqualTo(changed.Recipe.LearningRateChanges));
        Assert.That(
            (record with { Training = TrainingRecord.Of(_settings, Device.Cpu) }).ToJson(),
            Does.Not.Contain("learningRateChanges"));
    }

    [TestCase(
        """[{"step":-1,"learningRate":0.1}]""", "expected a step above -1 and a learning rate of at least 0, found -1 and 0.1")]
    [TestCase("""[{"step":7,"learningRate":-0.1}]""", "found 7 and -0.1")]
    [TestCase("""[{"step":7,"learningRate":1},{"step":7,"learningRate":2}]""", "expected a step above 7")]
    [TestCase("[null]", "found null")]
    public void LearningRateChanges_Broken_AreNamed(string changes, string expected)
    {
        File.WriteAllText(
            _folder[RunRecord.FileName],
            Run + Training.Replace("\"keep\":2", $"\"keep\":2,\"learningRateChanges\":{changes}") + "}");
        ErrorAssert.Throws<InvalidDataException>(
            () => RunToResume.Find(_folder[""]), Path.Combine(_folder[""], RunRecord.FileName),
            "training.learningRateChanges: ", expected);
    }

    [Test]
    public void ToJson_WithoutTraining_IsThatOfEarlierVersions() => Assert.That(
        RunRecord.Parse($"{Run}null}}", "run.json").ToJson(), Does.Not.Contain("training"));

    [TestCase("\"epochs\":7", "\"epochs\":0", "training.epochs: expected a number of at least 1, found '0'")]
    [TestCase("\"batchSize\":64", "\"batchSize\":-1", "training.batchSize: expected a number of at least 1, found '-1'")]
    [TestCase("0.30000000000000004", "-0.5", "training.learningRate: expected a number of at least 0, found '-0.5'")]
    [TestCase("\"momentum\":0.9", "\"momentum\":1", "training.momentum: expected a number from 0 to below 1, found '1'")]
    [TestCase("0.0001", "-1", "training.weightDecay: expected a number of at least 0, found '-1'")]
    [TestCase("one-cycle", "OneCycle", "training.schedule: expected constant, cosine or one-cycle, found 'OneCycle'")]
    [TestCase("\"default\"", "null", "training.init: expected notebook or default, found ''")]
    [TestCase("\"keep\",", "\"x\",", "training.lastBatch: expected drop or keep, found 'x'")]
    [TestCase("\"limit\":null", "\"limit\":0", "training.limit: expected null or a number of at least 1, found '0'")]
    [TestCase("\"cuda:1\"", "\"\"", "training.device: expected cpu or cuda:N, found ''")]
    [TestCase("\"threads\":3", "\"threads\":0", "training.threads: expected null or a number of at least 1, found '0'")]
    [TestCase("\"saveEvery\":50", "\"saveEvery\":0", "training.saveEvery: expected null or a number of at least 1, found '0'")]
    [TestCase("\"keep\":2", "\"keep\":0", "training.keep: expected a number of at least 1, found '0'")]
    [TestCase(Training, "null", "expected how the run was trained, found none")]
    [TestCase(Training, "7", "expected what a run was asked for")]
    public void Find_Broken_NamesFileAndValue(string part, string replacement, string expected)
    {
        File.WriteAllText(_folder[RunRecord.FileName], Run + Training.Replace(part, replacement) + "}");
        ErrorAssert.Throws<InvalidDataException>(
            () => RunToResume.Find(_folder[""]), Path.Combine(_folder[""], RunRecord.FileName), expected);
    }
}
