using CudaBn.Cli;
using CudaBn.Tests.Core;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Report;

public class RunHistoryTests
{
    private const string Whole =
        """{"started":"2026-11-26T10:00:00+01:00","batchNorms":[{"name":"bn1","channels":2}],"seconds":5,"epochs":[{"epoch":1,"means":[[1,2]],"variances":[[3,"NaN"]]}]}""";

    private TemporaryFolder _folder = null!;
    private Sequential _model = null!;

    [SetUp]
    public void MakeModel()
    {
        _folder = new TemporaryFolder();
        _model = new Sequential(new Linear(3, 2), new BatchNorm(2), new BatchNorm(2, trackRunningStatistics: false));
        _model.Initialize(Device.Cpu);
    }

    [TearDown]
    public void Remove()
    {
        _model.Dispose();
        _folder.Dispose();
    }

    [Test]
    public void Save_IsLoadedAgain_WithEveryBitAndWhatIsNoNumber()
    {
        var history = RunHistory.Begin(_model);
        SetStatistics(0.1f, float.NaN);
        history.Add(1, _model);
        SetStatistics(1f / 3, float.PositiveInfinity);
        history.Add(2, _model);
        history.Seconds = 12.5;
        history.Outcome = new TestOutcome(2, [[3, 0], [1, 2]], [new Mistake(4, 1, 0, 0.25, 0.75, double.NaN)]);
        history.Save(_folder["history.json"]);

        var loaded = RunHistory.Load(_folder["history.json"], _model);
        Assert.That((loaded.Started, loaded.Seconds), Is.EqualTo((history.Started, 12.5)));
        Assert.That(loaded.BatchNorms, Is.EqualTo(new[] { new RunHistory.BatchNormName("bn1", 2) }));
        Assert.That(loaded.Epochs.Select(epoch => epoch.Epoch), Is.EqualTo(new[] { 1, 2 }));
        Assert.That(loaded.Epochs[0].Means[0], Is.EqualTo(new[] { 0.1f, 0.1f }));
        Assert.That(loaded.Epochs[1].Means[0], Is.EqualTo(new[] { 1f / 3, 1f / 3 }));
        Assert.That(loaded.Epochs[0].Variances[0], Is.All.NaN);
        Assert.That(loaded.Epochs[1].Variances[0], Is.All.EqualTo(float.PositiveInfinity));
        Assert.That((loaded.Outcome!.Epoch, loaded.Outcome.Worst.Single()), Is.EqualTo((2, history.Outcome.Worst[0])));
        Assert.That(loaded.Outcome.Confusion, Is.EqualTo(history.Outcome.Confusion));
    }

    [Test]
    public void GoBackTo_DropsWhatCameAfter([Values(2, 3)] int epochs)
    {
        var history = RunHistory.Begin(_model);
        for (var epoch = 1; epoch <= 3; epoch++)
            history.Add(epoch, _model);
        history.Outcome = new TestOutcome(3, [[1]], []);
        history.GoBackTo(epochs);
        Assert.That(history.Epochs.Select(epoch => epoch.Epoch), Is.EqualTo(Enumerable.Range(1, epochs)));
        Assert.That(history.Outcome is null, Is.EqualTo(epochs == 2));
    }

    [Test]
    public void Add_OfALongRun_KeepsEvenlySpacedEpochsAndTheLatest()
    {
        var history = RunHistory.Begin(_model);
        for (var epoch = 1; epoch <= 1001; epoch++)
        {
            history.Add(epoch, _model);
            Assert.That(history.Epochs, Has.Count.LessThanOrEqualTo(RunHistory.MostEpochs + 1));
        }

        Assert.That(
            history.Epochs.Select(epoch => epoch.Epoch),
            Is.EqualTo(Enumerable.Range(1, 62).Select(i => 16 * i).Append(1001)));
    }

    [Test]
    public void Add_OfAnEpochDoneAgain_DropsWhatCameAfter()
    {
        var history = RunHistory.Begin(_model);
        for (var epoch = 1; epoch <= 5; epoch++)
            history.Add(epoch, _model);
        SetStatistics(7, 8);
        history.Add(3, _model);
        Assert.That(history.Epochs.Select(epoch => epoch.Epoch), Is.EqualTo(new[] { 1, 2, 3 }));
        Assert.That(history.Epochs[2].Means[0], Is.All.EqualTo(7));
    }

    [Test]
    public void Load_ReadsWhatIsDocumented()
    {
        File.WriteAllText(_folder["history.json"], Whole);
        Assert.That(RunHistory.Load(_folder["history.json"], _model).Epochs[0].Variances[0][0], Is.EqualTo(3));
    }

    [TestCase("bn1", "bn2", "batchNorms", "bn2 of 2 channels")]
    [TestCase("\"channels\":2", "\"channels\":3", "bn1 of 2 channels", "bn1 of 3 channels")]
    [TestCase("[[1,2]]", "[[1]]", "means of epoch 1", "a number for each channel")]
    [TestCase("[[3,\"NaN\"]]", "null", "variances of epoch 1", "")]
    [TestCase("[[3,\"NaN\"]]", "[null]", "variances of epoch 1", "")]
    [TestCase("\"epoch\":1", "\"epoch\":0", "an epoch above 0", "found 0")]
    [TestCase("\"seconds\":5", "\"seconds\":-1", "seconds", "-1")]
    [TestCase("\"seconds\":5", "\"seconds\":\"NaN\"", "seconds", "NaN")]
    [TestCase("[{\"epoch\":1,\"means\":[[1,2]],\"variances\":[[3,\"NaN\"]]}]", "null", "epochs", "null")]
    [TestCase("[{\"name\":\"bn1\",\"channels\":2}]", "null", "batchNorms", "none")]
    [TestCase("{\"started\"", "\"started\"", "expected the history of a run", "")]
    [TestCase(Whole, "null", "expected the history of a run", "null")]
    [TestCase(Whole, "[]", "expected the history of a run", "")]
    public void Load_Broken_NamesFileAndValue(string part, string replacement, string expected, string found)
    {
        File.WriteAllText(_folder["history.json"], Whole.Replace(part, replacement));
        ErrorAssert.Throws<InvalidDataException>(
            () => RunHistory.Load(_folder["history.json"], _model), _folder["history.json"], expected, found);
    }

    private void SetStatistics(float mean, float variance)
    {
        var norm = (BatchNorm)_model.Layers[1];
        norm.RunningMean!.CopyFrom<float>([mean, mean]);
        norm.RunningVariance!.CopyFrom<float>([variance, variance]);
    }
}
