using System.Text.RegularExpressions;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

[Platform("Linux", Reason = "script(1) takes other options elsewhere.")]
public class TerminalTests
{
    private static readonly Regex _color = new(@"\x1b\[[0-9;]*m");

    [Test]
    public void Terminal_ShowsATableThatIsDrawnOver([Values] bool noColor)
    {
        using var folder = new TemporaryFolder();
        using var train = CudabnProcess.RunInTerminal(
            folder[""], noColor, "train", "--limit", "300", "--epochs", "2", "--out", "run");

        Assert.That(train.ExitCode, Is.Zero, train.Output);
        Assert.That(train.Output, Does.Contain("seed network on drawn garments (built in)"));
        Assert.That(train.Output, Does.Contain("2/2").And.Contain("╰"));
        Assert.That(train.Output, Does.Match(@"epoch 1/2 .*━"), "the bar");
        Assert.That(train.Output, Does.Contain("\u001b[?25l").And.Contain("\u001b[?25h"), "the cursor");
        Assert.That(_color.IsMatch(train.Output), Is.EqualTo(!noColor));
    }
}
