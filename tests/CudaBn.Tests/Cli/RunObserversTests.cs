using CudaBn.Cli;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

public class RunObserversTests
{
    private readonly List<string> _told = [];
    private readonly List<string> _warnings = [];
    private TemporaryFolder _home = null!;
    private RunFolder _folder = null!;

    [SetUp]
    public void Claim()
    {
        _home = new TemporaryFolder();
        _folder = RunFolder.Claim(_home["run"]);
        _told.Clear();
        _warnings.Clear();
    }

    [TearDown]
    public void Remove()
    {
        _folder.Dispose();
        _home.Dispose();
    }

    [Test]
    public void OneThatCannotWrite_KeepsNoOtherFromIt_AndIsNamedOnce()
    {
        using var observers = new RunObservers(_folder, new Observer("first", _told), new Observer("second", _told, "full"));
        observers.EpochEnded([], _warnings.Add);
        observers.Saving(_warnings.Add);
        using var others = new RunObservers(_folder, new Observer("third", _told, "full"), new Observer("fourth", _told));
        others.EpochEnded([], _warnings.Add);

        Assert.That(
            _told,
            Is.EqualTo(new[]
            {
                "first: epoch", "second: epoch", "first: saving", "second: saving", "third: epoch", "fourth: epoch",
            }));
        Assert.That(_warnings, Has.Count.EqualTo(2));
        Assert.That(_warnings[0], Does.Contain("second cannot be written: full"));
        Assert.That(_warnings[1], Does.Contain("third cannot be written: full"));
    }

    [Test]
    public void End_TellsAll_AndThrowsTheFirstFault()
    {
        using var observers = new RunObservers(
            _folder, new Observer("first", _told, "full"), new Observer("second", _told, "gone"), new Observer("third", _told));
        Assert.That(
            () => observers.End([], RunEnding.Finished),
            Throws.InstanceOf<IOException>().With.Message.EqualTo("first: full"));
        Assert.That(_told, Is.EqualTo(new[] { "first: Finished", "second: Finished", "third: Finished" }));
    }

    private sealed class Observer(string name, List<string> told, string? fault = null) : IRunObserver
    {
        public string Name => name;

        public void Begin(
            Recipe recipe, Trainer trainer, SoftmaxCrossEntropy loss, Optimizer optimizer, IReadOnlyList<EpochRow> rows)
        {
        }

        public void StepEnded(TrainingProgress progress)
        {
        }

        public void Saving() => Tell("saving");

        public void EpochEnded(IReadOnlyList<EpochRow> rows) => Tell("epoch");

        public void End(IReadOnlyList<EpochRow> rows, RunEnding ending) => Tell($"{ending.State}");

        public void Dispose()
        {
        }

        private void Tell(string what)
        {
            told.Add($"{name}: {what}");
            if (fault is not null)
                throw new IOException(fault);
        }
    }
}
