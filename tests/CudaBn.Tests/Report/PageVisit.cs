using PuppeteerSharp;

namespace CudaBn.Tests.Report;

/// <summary>A page opened from a file in a browser, which notes whatever goes wrong there.</summary>
internal sealed class PageVisit : IAsyncDisposable
{
    private readonly List<string> _faults = [];

    private PageVisit(IPage page) => Page = page;

    public IPage Page { get; }

    /// <summary>What the page logged as an error or warning, threw, asked for outside of itself, or failed to load.</summary>
    public IReadOnlyList<string> Faults
    {
        get
        {
            lock (_faults)
                return [.. _faults];
        }
    }

    public static async Task<PageVisit> OpenAsync(IBrowser browser, string path, int width, string colorScheme = "light")
    {
        var visit = new PageVisit(await browser.NewPageAsync());
        var file = new Uri(Path.GetFullPath(path)).AbsoluteUri;
        visit.Page.Console += (_, e) =>
        {
            if (e.Message.Type is ConsoleType.Error or ConsoleType.Warning)
                visit.Add($"logged: {e.Message.Text}");
        };
        visit.Page.PageError += (_, e) => visit.Add($"thrown: {e.Message}");
        visit.Page.RequestFailed += (_, e) => visit.Add($"failed: {e.Request.Url}");
        visit.Page.Request += (_, e) =>
        {
            if (e.Request.Url != file && !e.Request.Url.StartsWith("data:", StringComparison.Ordinal))
                visit.Add($"asked for: {e.Request.Url}");
        };
        var isPhone = width < 600;
        await visit.Page.SetViewportAsync(new ViewPortOptions
        {
            Width = width,
            Height = 800,
            IsMobile = isPhone,
            HasTouch = isPhone,
            DeviceScaleFactor = isPhone ? 2 : 1,
        });
        await visit.Page.EmulateMediaFeaturesAsync(
            [new MediaFeatureValue { MediaFeature = MediaFeature.PrefersColorScheme, Value = colorScheme }]);
        await visit.Page.GoToAsync(file, WaitUntilNavigation.Load);
        return visit;
    }

    public Task<T> Evaluate<T>(string script) => Page.EvaluateExpressionAsync<T>(script);

    public async ValueTask DisposeAsync() => await Page.CloseAsync();

    private void Add(string fault)
    {
        lock (_faults)
            _faults.Add(fault);
    }
}
