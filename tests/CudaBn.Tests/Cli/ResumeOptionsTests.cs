using CudaBn.Cli;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

/// <summary>What may stand beside --resume.</summary>
public class ResumeOptionsTests
{
    private static readonly TrainSettings _settings = new(
        ModelChoice.Notebook, new DataSettings(DataSetChoice.Folder, "/images", (28, 28), ImageColor.Grey, Limit: 100), Epochs: 5,
        new Recipe(BatchSize: 64, LearningRate: 0.2, Momentum: 0.9, WeightDecay: 0, ScheduleChoice.Constant), Seed: 1,
        NotebookInitialization: true, DropLastBatch: true, Augments: false, Normalizes: true, Device: "cpu", Threads: 2,
        Out: null, NotebookBug: false, TensorBoard: false, SaveEvery: null, Keep: 3, DetectsAnomalies: false);

    [TestCase("--batch-size 32", "--batch-size 32: runs/a was started with --batch-size 64")]
    [TestCase("--momentum 0", "--momentum 0: runs/a was started with --momentum 0.9")]
    [TestCase("--weight-decay 0.5", "--weight-decay 0.5: runs/a was started with --weight-decay 0")]
    [TestCase("--schedule cosine", "--schedule cosine: runs/a was started with --schedule constant")]
    [TestCase("--seed 2", "--seed 2: runs/a was started with --seed 1")]
    [TestCase("--model resnet20", "--model resnet20: runs/a was started with --model notebook")]
    [TestCase("--data-set cifar10", "--data-set cifar10: runs/a was started with --data-set folder")]
    [TestCase("--image-size 28x29", "--image-size 28x29: runs/a was started with --image-size 28x28")]
    [TestCase("--color rgb", "--color rgb: runs/a was started with --color grey")]
    [TestCase("--limit 99", "--limit 99: runs/a was started with --limit 100")]
    [TestCase("--init default", "--init default: runs/a was started with --init notebook")]
    [TestCase("--last-batch keep", "--last-batch keep: runs/a was started with --last-batch drop")]
    [TestCase("--augment", "--augment: runs/a was started without it")]
    [TestCase("--notebook-bug", "--notebook-bug: runs/a was started without it")]
    [TestCase("--out x", "--out x: expected none beside --resume, which goes on in runs/a")]
    [TestCase("--epochs 4", "--epochs 4: expected at least the 5 that runs/a was started with")]
    public void Settings_Contradicted_AreRefusedWithBothValues(string given, string expected) => Assert.That(
        () => SettingsWith(_settings, given), Throws.InstanceOf<UsageException>().With.Message.StartsWith(expected));

    [TestCase("--limit 7", "--limit 7: runs/a was started without it")]
    [TestCase("--image-size 28", "--image-size 28x28: runs/a was started without it")]
    public void Settings_GivenWhereTheRunHasNone_AreRefused(string given, string expected) => Assert.That(
        () => SettingsWith(_settings with { Data = _settings.Data with { Limit = null, ImageSize = null } }, given),
        Throws.InstanceOf<UsageException>().With.Message.StartsWith(expected));

    [Test]
    public void Settings_OfTheRun_MayBeRepeated() => Assert.That(
        SettingsWith(
            _settings,
            "--batch-size 64 --lr 2e-1 --momentum 0.90 --schedule constant --seed 1 --model notebook --data-set folder "
            + "--image-size 28 --color grey --limit 100 --init notebook --last-batch drop --normalize --epochs 5 --augment false"),
        Is.EqualTo(_settings));

    [Test]
    public void Settings_ThatDecideOnNothing_MayChange() => Assert.That(
        SettingsWith(_settings, "--epochs 9 --data /moved --device cuda:1 --threads 7 --save-every 100 --keep 1"),
        Is.EqualTo(_settings with
        {
            Epochs = 9, Data = _settings.Data with { Folder = "/moved" }, Device = "cuda:1", Threads = 7, SaveEvery = 100, Keep = 1,
        }));

    // What the run was started with stays known; the other rate is due from the step on at which the run goes on.
    [Test]
    public void LearningRate_MayBeAnother() => Assert.That(SettingsWith(_settings, "--lr 0.1"), Is.EqualTo(_settings));

    [Test]
    public void Settings_NotGiven_AreTheRuns() => Assert.That(SettingsWith(_settings, ""), Is.EqualTo(_settings));

    [TestCase("", true)]
    [TestCase("--detect-anomaly", true)]
    [TestCase("--detect-anomaly false", false)]
    public void DetectAnomaly_IsThatOfTheRun_UnlessGiven(string given, bool expected) => Assert.That(
        SettingsWith(_settings with { DetectsAnomalies = true }, given).DetectsAnomalies, Is.EqualTo(expected));

    [TestCase("cosine")]
    [TestCase("one-cycle")]
    public void Epochs_OfASchedule_AreFixed(string word)
    {
        var settings = _settings with
        {
            Recipe = _settings.Recipe with { Schedule = Choices.Of<ScheduleChoice>(word)!.Value },
        };
        Assert.That(
            () => SettingsWith(settings, "--epochs 6"),
            Throws.InstanceOf<UsageException>().With.Message.StartsWith("--epochs 6: expected the 5 of runs/a")
                .And.Message.Contains(word));
        Assert.That(SettingsWith(settings, "--epochs 5"), Is.EqualTo(settings));
    }

    [Test]
    public void Data_Blank_IsRefused() => Assert.That(
        () => SettingsWith(_settings, ["--data", " "]),
        Throws.InstanceOf<UsageException>().With.Message.EqualTo("--data: expected a folder, got a blank."));

    private static TrainSettings SettingsWith(TrainSettings settings, string given) =>
        SettingsWith(settings, given.Split(' ', StringSplitOptions.RemoveEmptyEntries));

    private static TrainSettings SettingsWith(TrainSettings settings, string[] given) =>
        new RunToResume("runs/a", settings).SettingsWith(
            new GivenOptions(TrainCommand.Create().Parse(["--resume", "runs/a", .. given])));
}
