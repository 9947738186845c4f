using CudaBn.Serialization;
using CudaBn.Tests.Cli;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.FileCalls;

/// <summary>The order in which the command writes, flushes, renames and deletes: what a loss of power or a crash leaves of a run
/// can be gone on with, whenever it comes.</summary>
[Platform("Linux", Reason = "A library is loaded before libc.")]
public class RunFilesTests
{
    private const int Epochs = 2;

    private TemporaryFolder _home = null!;
    private WatchedCommand _command = null!;

    [OneTimeSetUp]
    public void MakeHome()
    {
        _home = new TemporaryFolder();
        ResumableRuns.WriteImages(_home);
        _command = new WatchedCommand(_home);
    }

    [OneTimeTearDown]
    public void RemoveHome() => _home.Dispose();

    [Test]
    public void PowerLostAtAnyMoment_LeavesEveryFileWhole()
    {
        Directory.CreateDirectory(_home["watched"]);
        var under = _home["watched"];
        FileCall[] calls =
        [
            .. _command.Run(under, ResumableRuns.Train("watched/new/run", 1, "--keep", "2", "--save-every", "3")),
            .. _command.Run(under, "train", "--resume", "watched/new/run", "--epochs", "2"),
            .. _command.Run(under, "export", "watched/new/run", "watched/model.onnx"),
            .. _command.Run(under, "convert", "watched/new/run/model.safetensors", "watched/model.npz"),
            .. _command.Run(under, "inspect", "watched/new/run", "--plot", "watched/model.png"),
        ];

        Assert.That(PowerLoss.Faults(calls), Is.Empty);
        string[] names =
        [
            "run.json", "metrics.csv", "history.json", "report.html", "curves.png", "samples.png", "model.safetensors",
            "model.onnx", "model.npz", "model.png",
            .. new[] { 0, 3, 6, 7, 9, 12, 14 }.Select(step => $"checkpoint-{step}.safetensors"),
        ];
        Assert.That(Named(calls, "rename"), Is.SupersetOf(names));
        Assert.That(
            Named(calls, "delete").Where(IsCheckpoint),
            Is.EqualTo(new[] { 0, 3, 6, 7, 9 }.Select(step => $"checkpoint-{step}.safetensors")));
        Assert.That(CheckpointsAfterEachCall(calls).SkipWhile(count => count < 2), Has.All.GreaterThanOrEqualTo(2));
    }

    [Test]
    public void CrashAtEveryCallOfASave_LeavesWhatCanBeGoneOnFrom()
    {
        var whole = _command.Run(_home["whole/checkpoints"], ResumableRuns.Train("whole", Epochs, "--keep", "1"));
        // All of the second save, to the beginning of the third; of its writes, the first and the last.
        int[] begins = [.. Enumerable.Range(0, whole.Length).Where(i => whole[i].Kind == "create")];
        var crashes = Enumerable.Range(begins[1], begins[2] - begins[1] + 1)
            .Where(i => whole[i].Kind != "write" || whole[i - 1].Kind != "write" || whole[i + 1].Kind != "write")
            .Select(i => i + 1).ToArray();
        Assert.That(
            crashes.Select(crash => whole[crash - 1].Kind),
            Is.EqualTo(new[] { "create", "write", "write", "flush", "rename", "flush", "delete", "create" }));

        foreach (var crash in crashes)
        {
            var run = $"crashed{crash}";
            var before = _command.Crash(
                _home[$"{run}/checkpoints"], crash, ResumableRuns.Train(run, Epochs, "--keep", "1"));
            Assert.That(before, Has.Length.EqualTo(crash - 1));
            var files = new CheckpointFolder(_home[$"{run}/checkpoints"]).Files;
            Assert.That(files, Is.Not.Empty);
            foreach (var file in files)
                Assert.That(() => CheckpointFile.Read(file), Throws.Nothing, $"{whole[crash - 1]}");
            using var resume = CudabnProcess.Run(_home[""], "train", "--resume", run);
            Assert.That((resume.ExitCode, resume.Error), Is.EqualTo((0, "")), $"{whole[crash - 1]}");
            ResumableRuns.AssertSame(_home[run], _home["whole"]);
        }
    }

    private static IEnumerable<string> Named(IEnumerable<FileCall> calls, string kind) =>
        calls.Where(call => call.Kind == kind).Select(call => call.Name);

    private static bool IsCheckpoint(string name) => name.StartsWith("checkpoint-", StringComparison.Ordinal);

    private static IEnumerable<int> CheckpointsAfterEachCall(IEnumerable<FileCall> calls)
    {
        var there = new HashSet<string>();
        foreach (var call in calls.Where(call => IsCheckpoint(call.Name)))
        {
            if (call.Kind == "delete")
                there.Remove(call.Name);
            else
                there.Add(call.Name);
            yield return there.Count;
        }
    }
}
