using System.Globalization;
using System.Text.RegularExpressions;
using CudaBn.Cli;
using CudaBn.Tests.Serialization;
using CudaBn.Tests.Support;
using Deque.AxeCore.Commons;
using NUnit.Framework;
using PuppeteerSharp;
using SkiaSharp;

namespace CudaBn.Tests.Report;

/// <summary>The report of a run as a browser shows it, of classes, a data set and a folder with hostile names.</summary>
public class ReportInBrowserTests
{
    private const string HostileDataSet = "<img src=http://localhost:9/x onerror=window.taken=1>&amp;\"'";

    private static readonly string[] _sections = ["run", "curves", "confusion", "mistakes", "layers", "batch-norm"];

    private TemporaryFolder _folder = null!;
    private IBrowser _browser = null!;
    private string _report = null!;

    [OneTimeSetUp]
    public async Task TrainAndOpenBrowser()
    {
        _browser = await Chromium.LaunchAsync();
        _folder = new TemporaryFolder();
        SampleRun.Write(_folder["run"], classNames: SampleRun.HostileNames, dataSet: HostileDataSet);
        _report = _folder["run/report.html"];
    }

    [OneTimeTearDown]
    public async Task CloseBrowser()
    {
        if (_browser is not null)
            await _browser.DisposeAsync();
        _folder?.Dispose();
    }

    [Test]
    public async Task Page_LogsNoErrorAndStaysWithinItsFileAndWidth(
        [Values(360, 1280)] int width, [Values("light", "dark")] string colorScheme)
    {
        await using var visit = await PageVisit.OpenAsync(_browser, _report, width, colorScheme);

        var sizes = await visit.Evaluate<int[]>(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth, document.body.scrollWidth]");
        Assert.That(sizes, Is.EqualTo(new[] { width, width, width }), "nothing overflows sideways");
        var outside = await visit.Evaluate<string[]>(
            """
            [...document.querySelectorAll("body *")]
                .filter(e => !e.closest(".scroll > *, svg svg, .upright") && e.getClientRects().length)
                .filter(e => e.getBoundingClientRect().right > innerWidth + 0.5 || e.getBoundingClientRect().left < -0.5)
                .map(e => e.outerHTML.slice(0, 80))
            """);
        Assert.That(outside, Is.Empty);
        foreach (var section in _sections)
            Assert.That(
                await visit.Evaluate<double>($"document.querySelector('#{section} :is(h1, h2)').getBoundingClientRect().height"),
                Is.GreaterThan(10), section);
        AssertPicture(
            await visit.Page.ScreenshotDataAsync(new ScreenshotOptions { FullPage = true }), width, colorScheme);
        Assert.That(visit.Faults, Is.Empty);
    }

    [Test]
    public async Task Page_HasNoFaultOfAccessibility(
        [Values(360, 1280)] int width, [Values("light", "dark")] string colorScheme)
    {
        await using var visit = await PageVisit.OpenAsync(_browser, _report, width, colorScheme);
        await visit.Page.EvaluateExpressionAsync(new BundledAxeScriptProvider().GetScript());
        var violations = await visit.Page.EvaluateFunctionAsync<string[]>(
            """
            async () => (await axe.run()).violations.flatMap(
                rule => rule.nodes.map(node => `${rule.id}: ${node.html.slice(0, 120)}: ${node.failureSummary}`))
            """);
        Assert.That(violations, Is.Empty);
    }

    [Test]
    public async Task HostileNames_AreShownAsTextAndDoNothing()
    {
        await using var visit = await PageVisit.OpenAsync(_browser, _report, 1280);
        var expected = SampleRun.HostileNames.Select(name => name.Replace('\u0001', '\ufffd').Replace("\r", "")).ToArray();

        Assert.That(await visit.Evaluate<bool>("'taken' in window"), Is.False);
        Assert.That(await visit.Evaluate<int>("document.scripts.length"), Is.EqualTo(1));
        Assert.That(await visit.Evaluate<int>("document.querySelectorAll('h1').length"), Is.EqualTo(1));
        Assert.That(
            await visit.Evaluate<string[]>("[...document.querySelectorAll('img')].map(e => e.src.slice(0, 22)).filter(s => s !== 'data:image/png;base64,')"),
            Is.Empty);
        Assert.That(await visit.Evaluate<int>("document.querySelectorAll('[onmouseover], [onerror]').length"), Is.Zero);
        foreach (var place in new[] { ".matrix thead bdi", ".matrix tbody th bdi", ".classes tbody th bdi" })
            Assert.That(
                await visit.Evaluate<string[]>($"[...document.querySelectorAll('{place}')].map(e => e.textContent)"),
                Is.EqualTo(expected), place);
        Assert.That(await visit.Evaluate<string>("document.title"), Is.EqualTo($"small network on {HostileDataSet}"));
    }

    [Test]
    public async Task Policy_RefusesWhateverIsAddedToThePage()
    {
        // The page is as it would be had a name not been escaped.
        var path = _folder["unescaped.html"];
        File.WriteAllText(path, File.ReadAllText(_report).Replace(
            "<main>",
            """<main><script>window.taken = 1</script><img src="http://localhost:9/x.png"><b style="color: red">red</b>"""));
        await using var visit = await PageVisit.OpenAsync(_browser, path, 1280);

        Assert.That(await visit.Evaluate<bool>("'taken' in window"), Is.False);
        Assert.That(await visit.Evaluate<string>("getComputedStyle(document.querySelector('b')).color"), Is.Not.EqualTo("rgb(255, 0, 0)"));
        // That the visit notices is what the other tests rely on.
        Assert.That(visit.Faults.Count(fault => fault.Contains("Content Security Policy")), Is.GreaterThanOrEqualTo(3));
    }

    [Test]
    public async Task Visit_NoticesErrorsAndRequests()
    {
        var path = _folder["broken.html"];
        File.WriteAllText(
            path, "<!doctype html><img src=missing.png><script>console.error('bad'); setTimeout(() => { throw new Error('worse') })</script>");
        await using var visit = await PageVisit.OpenAsync(_browser, path, 1280);
        await Task.Delay(100);
        foreach (var part in new[] { "logged: bad", "worse", "asked for: file://", "failed: file://" })
            Assert.That(visit.Faults, Has.Some.Contains(part));
    }

    [Test]
    public async Task Pointer_IsToldTheValuesOfEpochsAndChannels()
    {
        await using var visit = await PageVisit.OpenAsync(_browser, _report, 1280);
        var rows = File.ReadAllText(_report);
        Assert.That(await TipAt(visit, "#curves .chart:last-child .columns rect:nth-child(2)", 0.5m, 0.5m), Does.Match(
            @"^epoch 2\ntrain \d+\.\d%\ntest \d+\.\d%$"));
        Assert.That(rows, Does.Contain("<title>epoch 2\n"), "without a script the browser tells them");

        using var model = SampleRun.CreateModel();
        model.Initialize(Device.Cpu);
        var history = RunHistory.Load(_folder["run/history.json"], model);
        // The second of three epochs, the fifth of six channels.
        var tip = await TipAt(visit, ".heat.variance img", 0.5m, 4.5m / 6);
        Assert.That(tip, Does.StartWith("bn1, running variance\nchannel 4, epoch 2: "));
        var told = Regex.Match(tip, @"^bn1, running variance\nchannel 4, epoch 2: (\S+)$").Groups[1].Value;
        Assert.That(
            double.Parse(told, CultureInfo.InvariantCulture),
            Is.EqualTo(history.Epochs[1].Variances[0][4]).Within(6).Percent);
        Assert.That(await TipAt(visit, "h1", 0.5m, 0.5m), Is.Empty);
    }

    private static async Task<string> TipAt(PageVisit visit, string selector, decimal across, decimal down)
    {
        var element = await visit.Page.QuerySelectorAsync(selector);
        await element.ScrollIntoViewAsync();
        // A tooltip does not outlive scrolling, of which the page is told with the next frame.
        await visit.Evaluate<bool>("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))");
        var box = await element.BoundingBoxAsync();
        await visit.Page.Mouse.MoveAsync(box.X + (across * box.Width), box.Y + (down * box.Height));
        return await visit.Evaluate<string>("(tip => tip.hidden ? '' : tip.textContent)(document.querySelector('.tip'))");
    }

    private static void AssertPicture(byte[] png, int width, string colorScheme)
    {
        var path = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"report-{width}-{colorScheme}.png");
        File.WriteAllBytes(path, png);
        TestContext.AddTestAttachment(path);

        using var picture = SKBitmap.Decode(png);
        Assert.That(picture.Width, Is.EqualTo(width < 600 ? 2 * width : width));
        Assert.That(picture.Height, Is.GreaterThan(2000));
        var paper = picture.GetPixel(2, 2);
        Assert.That(paper, Is.EqualTo(colorScheme == "light" ? SKColors.White : SKColor.Parse("#15171b")));
        var ink = picture.Pixels.Count(pixel => pixel != paper);
        Assert.That((double)ink / picture.Pixels.Length, Is.InRange(0.02, 0.5));
    }
}
