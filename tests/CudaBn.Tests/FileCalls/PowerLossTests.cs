using NUnit.Framework;

namespace CudaBn.Tests.FileCalls;

public class PowerLossTests
{
    private static readonly FileCall[] _save =
    [
        new("make", "/runs/a"),
        new("flush", "/runs"),
        new("create", "/runs/a/.cudabn-1.tmp"),
        new("write", "/runs/a/.cudabn-1.tmp"),
        new("flush", "/runs/a/.cudabn-1.tmp"),
        new("rename", "/runs/a/.cudabn-1.tmp", "/runs/a/new"),
        new("flush", "/runs/a"),
        new("delete", "/runs/a/old"),
    ];

    [Test]
    public void Faults_OfASaveInOrder_AreNone() => Assert.That(PowerLoss.Faults(_save), Is.Empty);

    [TestCase(1, "its folder may be lost")]
    [TestCase(4, "its content is not flushed")]
    [TestCase(6, "before the names of new files are flushed")]
    public void Faults_WithoutAFlush_NameTheCallThatNeedsIt(int flush, string fault) =>
        Assert.That(
            PowerLoss.Faults(_save.Where((_, i) => i != flush)), Has.Some.EndsWith(fault));

    [Test]
    public void Faults_OfADeletionBeforeTheFolderIsFlushed_NameIt() =>
        Assert.That(
            PowerLoss.Faults([.. _save[..6], _save[7], _save[6]]),
            Is.EqualTo(new[] { "delete /runs/a/old: before the names of new files are flushed" }));

    [Test]
    public void Faults_OfAWriteAfterTheFlush_NameTheRename() =>
        Assert.That(
            PowerLoss.Faults([.. _save[..5], _save[3], .. _save[5..]]), Has.One.EndsWith("its content is not flushed"));

    [Test]
    public void Faults_OfARenameThatIsLast_NameTheFile() =>
        Assert.That(PowerLoss.Faults(_save[..6]), Is.EqualTo(new[] { "/runs/a/new: its name is never flushed" }));

    [Test]
    public void Faults_OfAWriteInPlace_NameTheFile() =>
        Assert.That(
            PowerLoss.Faults([new("create", "/runs/a/new"), new("write", "/runs/a/new"), new("flush", "/runs/a/new")]),
            Is.EqualTo(new[] { "write /runs/a/new: is not written beside" }));
}
