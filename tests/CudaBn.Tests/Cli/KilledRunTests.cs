using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

/// <summary>A run whose process is killed again and again, at random moments, and gone on with each time, comes to the same bits
/// as one that was left alone.</summary>
[Platform(Exclude = "Win", Reason = "Windows has no signals to send.")]
public class KilledRunTests
{
    private const int Kills = 50;
    private const int Epochs = 40;

    private readonly HashSet<string> _halfWritten = [];
    private TemporaryFolder _home = null!;
    private int _kills;

    private enum Moment
    {
        // Some milliseconds after the start of the process: mostly while it starts, reads its images or its checkpoint.
        AfterTheStart,

        // Some milliseconds after one of the next checkpoints.
        AfterACheckpoint,

        // While a file is being written.
        InWriting,
    }

    [SetUp]
    public void MakeHome()
    {
        _home = new TemporaryFolder();
        ResumableRuns.WriteImages(_home);
    }

    [TearDown]
    public void RemoveHome() => _home.Dispose();

    [Test]
    public void Run_KilledAtFiftyRandomMoments_EqualsARunThatNeverEnded()
    {
        using (var whole = CudabnProcess.Run(_home[""], ResumableRuns.Train("whole", Epochs)))
            Assert.That(whole.ExitCode, Is.Zero, whole.Error);

        var random = new Random(6);
        for (var run = 1; _kills < Kills; run++)
        {
            KillUntilItEnds($"killed{run}", random);
            ResumableRuns.AssertSame(_home[$"killed{run}"], _home["whole"]);
        }

        TestContext.Out.WriteLine($"{_kills} kills, {_halfWritten.Count} of them while a file was written");
        Assert.That(_halfWritten, Has.Count.GreaterThanOrEqualTo(Kills / 5));
    }

    // Resumes a run after each kill; once there were enough kills, lets it end.
    private void KillUntilItEnds(string run, Random random)
    {
        var isEnded = false;
        var arguments = ResumableRuns.Train(run, Epochs, "--save-every", "1");
        while (!isEnded)
        {
            using var train = CudabnProcess.Start(_home[""], arguments);
            // Until there is a first checkpoint, nothing can be gone on with.
            var moment = ResumableRuns.NewestStep(_home[run]) < 0 ? Moment.AfterACheckpoint : (Moment)random.Next(3);
            isEnded = _kills == Kills || !WaitFor(moment, train, run, random) || !train.Kill();
            if (isEnded)
                train.Wait();
            else
                NoteKill(run);
            Assert.That(train.Error, Is.Empty);
            Assert.That(!isEnded || train.ExitCode == 0, train.Output);
            arguments = ["train", "--resume", run];
        }
    }

    // False if the process ended first.
    private bool WaitFor(Moment moment, CudabnProcess train, string run, Random random)
    {
        var newest = ResumableRuns.NewestStep(_home[run]);
        switch (moment)
        {
            case Moment.AfterTheStart:
                Thread.Sleep(random.Next(500));
                return true;
            case Moment.AfterACheckpoint:
                var step = newest + random.Next(1, 4);
                if (!train.WaitUntil(() => ResumableRuns.NewestStep(_home[run]) >= step))
                    return false;
                Thread.Sleep(random.Next(15));
                return true;
            default:
                return train.WaitUntil(() => HalfWritten(run).Any(path => !_halfWritten.Contains(path)));
        }
    }

    private void NoteKill(string run)
    {
        _kills++;
        _halfWritten.UnionWith(HalfWritten(run));
    }

    private string[] HalfWritten(string run) => Directory.Exists(_home[run])
        ? Directory.GetFiles(_home[run], ".cudabn-*.tmp", SearchOption.AllDirectories)
        : [];
}
