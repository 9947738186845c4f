using CudaBn.Cli;
using CudaBn.Tests.Serialization;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

/// <summary>Runs that another user left, of which not everything may be read or written.</summary>
/// <remarks>Nothing is denied to root: for root, files become those of someone whom the command's user namespace does not
/// know.</remarks>
[Platform("Linux", Reason = "User namespaces are made by unshare(1).")]
public class OtherUsersTests
{
    private TemporaryFolder _home = null!;

    [OneTimeSetUp]
    public void Train()
    {
        _home = new TemporaryFolder();
        ResumableRuns.WriteImages(_home);
        using var train = CudabnProcess.Run(_home[""], ResumableRuns.Train("run", 1));
        Assert.That(train.ExitCode, Is.Zero, train.Error);
    }

    [OneTimeTearDown]
    public void Remove()
    {
        if (!Environment.IsPrivilegedProcess)
            Programs.Run("chmod", "-R", "u+rwX", _home[""]);
        _home.Dispose();
    }

    [TestCase("eval", "closed")]
    [TestCase("export", "closed", "model.onnx")]
    [TestCase("inspect", "closed")]
    [TestCase("train", "--resume", "closed", "--epochs", "2")]
    public void Run_ThatMayNotBeRead_IsNamed(params string[] arguments)
    {
        Copy("run", "closed");
        GiveAway("closed", "000");
        AssertFails(arguments, $"Access to the path '{_home["closed"]}.*' is denied.");
    }

    [Test]
    public void Resume_OfARunThatMayNotBeWritten_SaysSo()
    {
        Copy("run", "shown");
        GiveAway("shown", "555");
        AssertFails(
            ["train", "--resume", "shown", "--epochs", "2"],
            $"--resume shown: cannot be written: Access to the path '{_home["shown/.lock"]}' is denied.");
    }

    [Test]
    public void Resume_WithTheLockOfAnother_NamesIt()
    {
        Copy("run", "locked");
        File.WriteAllText(_home[$"locked/{RunLock.FileName}"], "");
        GiveAway($"locked/{RunLock.FileName}", "444");
        AssertFails(
            ["train", "--resume", "locked", "--epochs", "2"],
            $"--resume locked: cannot be written: Access to the path '{_home["locked/.lock"]}' is denied.");
    }

    [Test]
    public void Checkpoint_ThatMayNotBeRead_IsNoDamagedOne([Values("eval", "train")] string command)
    {
        var newest = $"closed-{command}/checkpoints/checkpoint-{ResumableRuns.StepsPerEpoch}.safetensors";
        Copy("run", $"closed-{command}");
        File.Delete(_home[$"closed-{command}/model.safetensors"]);
        GiveAway(newest, "000");
        AssertFails(
            command == "eval" ? ["eval", "closed-eval"] : ["train", "--resume", "closed-train"],
            $"Access to the path '{_home[newest]}' is denied.");
    }

    [Test]
    public void Resume_BesideTheUnfinishedFilesOfAnother_GoesOn()
    {
        Copy("run", "littered");
        string[] leftovers = ["littered/.cudabn-1.tmp", "littered/checkpoints/.cudabn-2.tmp"];
        foreach (var path in leftovers)
        {
            File.WriteAllText(_home[path], "");
            GiveAway(path, "000");
        }

        using var resume = Start("train", "--resume", "littered", "--epochs", "2").Wait();
        Assert.That((resume.ExitCode, resume.Error), Is.EqualTo((0, "")));
        Assert.That(leftovers.Select(path => File.Exists(_home[path])), Has.All.True);
    }

    [Test]
    public void Predict_OfNoRunInParticular_PassesOverThoseOfOthers()
    {
        Copy("run", "runs/mine");
        Copy("run", "runs/others");
        GiveAway("runs/others", "000");
        var image = Directory.GetFiles(_home[$"{ResumableRuns.Images}/test"], "*.png", SearchOption.AllDirectories)[0];
        using var predict = Start("predict", image).Wait();
        Assert.That(predict.ExitCode, Is.Zero, predict.Error);
        Assert.That(predict.Output, Does.Contain("runs/mine/model.safetensors"));
        Assert.That(
            predict.Error, Does.Match(@"\Acudabn: warning: runs/others is passed over: Access to the path .* is denied\.\n\z"));
    }

    private void Copy(string from, string to)
    {
        if (Directory.Exists(_home[to]))
            return;
        Directory.CreateDirectory(Path.GetDirectoryName(_home[to])!);
        Programs.Run("cp", "-r", _home[from], _home[to]);
    }

    private void GiveAway(string path, string mode)
    {
        if (Environment.IsPrivilegedProcess)
            Programs.Run("chown", "65534:65534", _home[path]);
        Programs.Run("chmod", mode, _home[path]);
    }

    private CudabnProcess Start(params string[] arguments) => Environment.IsPrivilegedProcess
        ? CudabnProcess.StartWithMounts(_home[""], "true", arguments)
        : CudabnProcess.Start(_home[""], arguments);

    private void AssertFails(string[] arguments, string message)
    {
        using var command = Start(arguments).Wait();
        Assert.That(command.ExitCode, Is.EqualTo(1), command.Output);
        Assert.That(command.Error, Does.Match($@"\Acudabn: {message}\n\z"));
    }
}
