using CudaBn.Serialization;
using CudaBn.Tests.Core;
using NUnit.Framework;

namespace CudaBn.Tests.Serialization;

/// <summary>What is in the file of a checkpoint, and what is refused.</summary>
public class CheckpointFileTests
{
    private static readonly string[] _ownTexts = ["note"];

    private TemporaryFolder _folder = null!;

    private string File => _folder["checkpoint"];

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Save_WritesTheDocumentedNames()
    {
        using var run = new CheckpointRun(CheckpointSetup.Of("AdamW"));
        run.Model.Layers[0].Freeze();
        run.FitUpTo(1);
        run.Save(File, new Dictionary<string, string> { ["note"] = "mine" });

        using var reader = new SafeTensorsReader(File);
        var names = reader.Entries.Select(entry => $"{entry.Name} {entry.DType} [{string.Join(",", entry.Shape)}]").ToArray();
        string[] expected =
        [
            "model.conv1.weight F32 [4,1,3,3]", "model.bn1.weight F32 [4]", "model.bn1.running_var F32 [4]",
            "model.bn1.num_batches_tracked I64 []", "model.residual1.main.bn1.running_mean F32 [4]",
            "optimizer.conv1.weight.exp_avg F32 [4,1,3,3]", "optimizer.conv1.weight.exp_avg_sq F32 [4,1,3,3]",
            "optimizer.fc1.bias.step I64 []", "random.dropout1.step I64 []", "loss.totals F64 [2]",
            "flags.requires_gradient U8 [8]", "flags.frozen_statistics U8 [2]", "flags.fuses_layers U8 [3]",
            "flags.updated U8 [8]", "sha256 U8 [32]",
        ];
        foreach (var name in expected)
            Assert.That(names, Does.Contain(name));
        Assert.That(names, Has.Length.EqualTo(14 + 3 * 8 + 1 + 1 + 4 + 1));
        Assert.That(reader.Entries[^1].Name, Is.EqualTo("sha256"));
        Assert.That(
            (reader.Metadata["checkpoint.steps_done"], reader.Metadata["checkpoint.epochs_done"],
                reader.Metadata["checkpoint.data.seed"], reader.Metadata["checkpoint.optimizer"], reader.Metadata["note"]),
            Is.EqualTo(("6", "1", "3", "AdamW", "mine")));
    }

    [Test]
    public void Save_OfTheSameState_GivesTheSameBytes()
    {
        using var run = new CheckpointRun(CheckpointSetup.Of("Sgd"));
        run.FitUpTo(1);
        run.Save(File);
        run.Save(_folder["again"]);
        Assert.That(System.IO.File.ReadAllBytes(_folder["again"]), Is.EqualTo(System.IO.File.ReadAllBytes(File)));
    }

    [Test]
    public void Load_GivesBackTheCallersTexts()
    {
        using var run = new CheckpointRun(new CheckpointSetup());
        run.Save(File, new Dictionary<string, string> { ["note"] = "mäh\n" });
        var texts = run.Load(File);
        Assert.That(texts["note"], Is.EqualTo("mäh\n"));
        Assert.That(texts.Keys, Is.EquivalentTo([.. _ownTexts, SavedState.VersionKey]));
    }

    [Test]
    public void Save_KeyOfItsOwn_IsRefused()
    {
        using var run = new CheckpointRun(new CheckpointSetup());
        ErrorAssert.Throws<ArgumentException>(
            () => run.Save(File, new Dictionary<string, string> { ["checkpoint.mine"] = "" }), "'checkpoint.mine'", "'checkpoint.'");
        Assert.That(_folder.FileNames(), Is.Empty);
    }

    [Test]
    public void Save_OptimizerOfAnotherModel_IsRefused()
    {
        using var run = new CheckpointRun(new CheckpointSetup());
        using var other = new CheckpointRun(new CheckpointSetup());
        using var trainer = new Trainer(run.Model, run.Loss, other.Optimizer);
        ErrorAssert.Throws<ArgumentException>(
            () => Checkpoint.Save(trainer, run.Train, File), "'conv1.weight'", "no parameter of the trainer's model");
    }

    [Test]
    public void Load_RestoresWhatIsFrozenAndFused()
    {
        using var run = new CheckpointRun(CheckpointSetup.Of("Adam"));
        run.Model.Layers[1].Freeze();
        run.Model.FusesLayers = false;
        ((Container)run.Model.Layers[3]).FusesLayers = true;
        run.FitUpTo(1);
        run.Save(File);

        using var other = new CheckpointRun(CheckpointSetup.Of("Adam"));
        other.Load(File);
        Assert.That(
            other.Model.Parameters.Select(parameter => parameter.RequiresGradient),
            Is.EqualTo(run.Model.Parameters.Select(parameter => parameter.RequiresGradient)));
        Assert.That(((BatchNorm)other.Model.Layers[1]).FreezeStatistics, Is.True);
        Assert.That(
            (other.Model.FusesLayers, ((Container)other.Model.Layers[3]).FusesLayers), Is.EqualTo((false, true)));
        foreach (var each in new[] { run, other })
        {
            each.Model.Layers[1].Unfreeze();
            each.FitUpTo(2);
        }

        Assert.That(other.State(), Is.EqualTo(run.State()));
    }

    [Test]
    public void Load_KeepingTheLearningRate_GoesOnByTheTrainersSchedule()
    {
        using var run = new CheckpointRun(CheckpointSetup.Of("Sgd"));
        run.FitUpTo(1);
        run.Save(File);
        using var other = new CheckpointRun(
            CheckpointSetup.Of("Sgd") with { Schedule = LearningRateSchedule.Cosine(0.02, 18) });
        other.Load(File, keepsLearningRate: true);
        Assert.That(
            other.Model.Parameters.Select(parameter => parameter.Value.ToDoubles()),
            Is.EqualTo(run.Model.Parameters.Select(parameter => parameter.Value.ToDoubles())));
        other.FitUpTo(2);
        run.FitUpTo(2);
        Assert.That(other.Optimizer.LearningRate, Is.EqualTo(LearningRateSchedule.Cosine(0.02, 18).At(11)));
        Assert.That(other.State(), Is.Not.EqualTo(run.State()));
    }

    [Test]
    public void Load_KeepingTheLearningRate_WithoutASchedule_GoesOnAtTheOptimizers()
    {
        using var run = new CheckpointRun(CheckpointSetup.Of("Sgd"));
        run.FitUpTo(1);
        run.Save(File);
        using var other = new CheckpointRun(CheckpointSetup.Of("Sgd") with { Schedule = null });
        other.Load(File, keepsLearningRate: true);
        Assert.That(other.Optimizer.LearningRate, Is.EqualTo(0.1));
    }

    private static IEnumerable<TestCaseData> OtherTrainings()
    {
        var sgd = CheckpointSetup.Of("Sgd");
        yield return Other("optimizer", CheckpointSetup.Of("Adam") with { Schedule = sgd.Schedule, Interval = sgd.Interval },
            "checkpoint.optimizer is 'Sgd', expected 'Adam'");
        yield return Other("momentum", sgd with
        {
            Optimizer = model => new Sgd(model.Parameters, 0.1, 0.8, dampening: 0.3, maxGradientNorm: 0.5),
        }, "checkpoint.optimizer.momentum is '0.9', expected '0.8'");
        yield return Other("no momentum", sgd with
        {
            Optimizer = model => new Sgd(model.Parameters, 0.1, dampening: 0.3, maxGradientNorm: 0.5),
        }, "optimizer.conv1.weight.momentum_buffer is unexpected");
        yield return Other("no clipping", sgd with
        {
            Optimizer = model => new Sgd(model.Parameters, 0.1, 0.9, dampening: 0.3),
        }, "checkpoint.optimizer.max_gradient_norm is '0.5', expected 'none'");
        yield return Other("groups", sgd with
        {
            Optimizer = model => Sgd.OfGroups(
                ParameterGroup.WithoutDecayOnNorms(model, 0.1), 0.1, 0.9, dampening: 0.3, maxGradientNorm: 0.5),
        }, "checkpoint.optimizer.group0 is", "checkpoint.optimizer.group1 is missing");
        yield return Other("schedule", sgd with { Schedule = LearningRateSchedule.Cosine(0.1, 19) },
            "checkpoint.schedule.next_rate is");
        yield return Other("no schedule", sgd with { Schedule = null },
            "checkpoint.schedule is 'by Step', expected 'none'", "checkpoint.schedule.next_rate is unexpected");
        yield return Other("loss", sgd with { LabelSmoothing = 0 }, "checkpoint.loss.label_smoothing is '0.1', expected '0'");
        yield return Other("fewer images", sgd with { Images = sgd.Images.Take(43) },
            "checkpoint.data.images is '44 of 1x28x28', expected '43 of 1x28x28'");
        yield return Other("other images", sgd with { Images = OtherLabel(sgd.Images) },
            "checkpoint.data.sha256 is", "the images or labels are others");
        yield return Other("batch size", sgd with { BatchSize = 16 }, "checkpoint.data.batch_size is '8', expected '16'");
        yield return Other("last batch", sgd with { DropLast = true }, "checkpoint.data.drops_last is 'no', expected 'yes'");
        yield return Other("order", sgd with { Shuffle = false }, "checkpoint.data.is_shuffled is 'yes', expected 'no'");
        yield return Other("data seed", sgd with { DataSeed = 4 }, "checkpoint.data.seed is '3', expected '4'");
        yield return Other("augmentation", sgd with { Augmentation = new Augmentation(1, horizontalFlip: true) },
            "checkpoint.data.augmentation is 'crop padding 2, horizontal flip yes'");
        yield return Other("normalization", sgd with { Normalization = null },
            "checkpoint.data.normalization is 'means 0.3, standard deviations 0.3', expected 'none'");
        yield return Other("dropout", sgd with { Dropout = 0.4 },
            "checkpoint.random.dropout1 is 'p 0.3, seed 1,", "expected 'p 0.4, seed 1,");
        yield return Other("model seed", sgd with { ModelSeed = 2 },
            "checkpoint.random.dropout1 is 'p 0.3, seed 1,", "expected 'p 0.3, seed 2,");
        yield return Other("model", sgd with { Channels = 5 },
            "model.bn1.running_mean is F32 [4], expected F32 [5]", "optimizer.fc1.weight.momentum_buffer is F32 [10, 36]");

        static TestCaseData Other(string name, CheckpointSetup other, params string[] faults) =>
            new TestCaseData(other, faults).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(OtherTrainings))]
    public void Load_IntoAnotherTraining_ListsWhatDiffersAndChangesNothing(object setup, string[] faults)
    {
        using (var run = new CheckpointRun(CheckpointSetup.Of("Sgd")))
        {
            run.FitUpTo(1);
            run.Save(File);
        }

        using var other = new CheckpointRun((CheckpointSetup)setup);
        other.FitUpTo(1);
        var before = other.State();
        ErrorAssert.Throws<InvalidDataException>(
            () => other.Load(File), [$"{File}: no checkpoint of this training: ", .. faults]);
        Assert.That(other.State(), Is.EqualTo(before));
    }

    [Test]
    public void Load_IntoFloat64_IsRefused()
    {
        using var run = new CheckpointRun(new CheckpointSetup());
        run.Save(File);
        using var other = new CheckpointRun(new CheckpointSetup(), dtype: DType.Float64);
        ErrorAssert.Throws<InvalidDataException>(
            () => other.Load(File), "model.fc1.bias is F32 [10], expected F64 [10]",
            "checkpoint.data.element_type is 'Float32', expected 'Float64'");
    }

    [Test]
    public void Load_WeightsWithoutTraining_SaysSo()
    {
        using var run = new CheckpointRun(new CheckpointSetup());
        run.Model.Save(File);
        ErrorAssert.Throws<InvalidDataException>(() => run.Load(File), $"{File}: byte 8: expected a checkpoint");
    }

    [Test]
    public void Load_DamagedAnywhere_NamesFileAndOffsetAndChangesNothing()
    {
        using var run = new CheckpointRun(CheckpointSetup.Of("Adam"));
        run.FitUpTo(1);
        run.Save(File);
        var bytes = System.IO.File.ReadAllBytes(File);
        var before = run.State();
        var random = new Random(1);
        for (var i = 0; i < 400; i++)
        {
            var damaged = (byte[])bytes.Clone();
            var at = i < 100 ? i : random.Next(damaged.Length);
            if (i % 4 == 3)
                damaged = damaged[..at];
            else
                damaged[at] ^= (byte)(1 << random.Next(8));
            System.IO.File.WriteAllBytes(File, damaged);
            ErrorAssert.Throws<InvalidDataException>(() => run.Load(File), $"{File}: byte ");
        }

        Assert.That(run.State(), Is.EqualTo(before));
    }

    [TestCase("steps_done", "-1")]
    [TestCase("steps_done", "1.5")]
    [TestCase("epochs_done", "4294967296")]
    [TestCase("learning_rate", "NaN")]
    [TestCase("data.next_epoch", "none")]
    [TestCase("data.epoch", "none")]
    [TestCase("data.batches_made", null)]
    [TestCase("epoch_seconds", "∞")]
    public void Load_PositionThatIsNone_NamesKeyAndValue(string key, string? value)
    {
        using var run = new CheckpointRun(new CheckpointSetup());
        RunOneStep(run);
        run.Save(File);
        Rewrite(texts =>
        {
            if (value is null)
                texts.Remove($"checkpoint.{key}");
            else
                texts[$"checkpoint.{key}"] = value;
        });
        ErrorAssert.Throws<InvalidDataException>(
            () => run.Load(File), $"{File}: byte 8: expected checkpoint.{key} with ", value is null ? "found none" : $"'{value}'");
    }

    [Test]
    public void Load_MoreBatchesThanAnEpochHas_IsRefused()
    {
        using var run = new CheckpointRun(new CheckpointSetup());
        run.Save(File);
        Rewrite(texts => texts["checkpoint.data.batches_made"] = "7");
        ErrorAssert.Throws<InvalidDataException>(() => run.Load(File), "7 batches", "at most 6");
    }

    [Test]
    public void Load_AnotherVersion_IsRefused()
    {
        using var run = new CheckpointRun(new CheckpointSetup());
        run.Save(File);
        Rewrite(texts => texts["checkpoint.version"] = "2");
        ErrorAssert.Throws<InvalidDataException>(() => run.Load(File), File, "version 1", "version '2'");
    }

    private static void RunOneStep(CheckpointRun run)
    {
        using var cancellation = new CancellationTokenSource();
        Assert.That(
            () => run.Trainer.Fit(
                run.Train, run.Test, 1, checkpoints: new CheckpointInterval(1, cancellation.Cancel),
                cancellation: cancellation.Token).Count(),
            Throws.InstanceOf<OperationCanceledException>());
    }

    private static ImageDataset OtherLabel(ImageDataset images)
    {
        var labels = images.Labels.ToArray();
        labels[^1] = (byte)(9 - labels[^1]);
        return new ImageDataset(
            images.Name, images.Channels, images.Height, images.Width, images.Images, labels, images.ClassNames);
    }

    /// <summary>Changes the texts of the file, with a hash that fits them.</summary>
    private void Rewrite(Action<Dictionary<string, string>> change)
    {
        var tensors = new List<TensorSource>();
        Dictionary<string, string> texts;
        using (var reader = new SafeTensorsReader(File))
        {
            texts = new Dictionary<string, string>(reader.Metadata);
            change(texts);
            using var hash = new CheckpointHash(texts);
            foreach (var entry in reader.Entries)
            {
                var payload = new byte[entry.Length];
                reader.Read(entry, payload);
                if (entry.Name == CheckpointHash.Name)
                    payload = hash.Finish();
                else
                    hash.Add(entry.Name, entry.DType, entry.Shape, payload);
                tensors.Add(new TensorSource(entry.Name, entry.DType, entry.Shape, stream => stream.Write(payload)));
            }
        }

        SafeTensorsWriter.Write(File, tensors, texts);
    }
}
