using PuppeteerSharp;

namespace CudaBn.Tests.Support;

/// <summary>The browser of this machine, for tests of pages.</summary>
internal static class Chromium
{
    private static readonly string[] _names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

    /// <summary>Starts it without a window. Ignores the test where there is none, or fails it where CUDABN_REQUIRE_CHROMIUM is
    /// 1.</summary>
    public static Task<IBrowser> LaunchAsync()
    {
        var path = Path();
        if (path is null)
            Missing.Report("CUDABN_REQUIRE_CHROMIUM", "no Chromium is on the path", "chromium");
        return Puppeteer.LaunchAsync(new LaunchOptions
        {
            ExecutablePath = path,
            Headless = true,
            // Its sandbox refuses to run for root, as in containers; the pages are this repository's own.
            Args = ["--no-sandbox", "--disable-dev-shm-usage"],
        });
    }

    private static string? Path()
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(System.IO.Path.PathSeparator);
        var files = from name in _names
                    from folder in folders
                    where folder.Length > 0
                    from suffix in (string[])["", ".exe"]
                    select System.IO.Path.Combine(folder, name + suffix);
        return files.FirstOrDefault(File.Exists);
    }
}
