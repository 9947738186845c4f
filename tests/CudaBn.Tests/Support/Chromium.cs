using NUnit.Framework;
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
        if (Path() is { } path)
            return Puppeteer.LaunchAsync(new LaunchOptions
            {
                ExecutablePath = path,
                Headless = true,
                // Its sandbox refuses to run for root, as in containers; the pages are this repository's own.
                Args = ["--no-sandbox", "--disable-dev-shm-usage"],
            });

        const string obstacle = "no Chromium is on the path";
        if (Environment.GetEnvironmentVariable("CUDABN_REQUIRE_CHROMIUM") == "1")
            Assert.Fail($"CUDABN_REQUIRE_CHROMIUM is 1, but {obstacle}");
        Assert.Ignore($"{obstacle}; install Debian's package chromium to run this");
        throw new InvalidOperationException(obstacle);
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
