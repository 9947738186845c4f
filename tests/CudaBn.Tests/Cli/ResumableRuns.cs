using System.Globalization;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

/// <summary>Runs of <c>cudabn train</c> on a few images that are read in no time, which are broken off and gone on
/// with.</summary>
internal static class ResumableRuns
{
    /// <summary>Steps of an epoch: 60 images in batches of eight, the last four dropped.</summary>
    public const int StepsPerEpoch = 7;

    public const string Images = "images";

    // What keeps the metrics from being the same.
    private static readonly string[] _times = ["seconds", "images_per_second"];

    /// <summary>Writes the images into the home of the command.</summary>
    public static void WriteImages(TemporaryFolder home) =>
        ImageFiles.WriteFolder(home[Images], DrawnGarments.Create(60, 30));

    /// <summary>The arguments that train on them.</summary>
    public static string[] Train(string run, int epochs, params string[] others) =>
    [
        "train", "--data-set", "folder", "--data", Images, "--color", "grey", "--batch-size", "8", "--augment", "--normalize",
        "--init", "default", "--lr", "0.02", "--momentum", "0.9", "--epochs", $"{epochs}", "--out", run, .. others,
    ];

    /// <summary>The step of a run's newest checkpoint; -1 where there is none.</summary>
    public static int NewestStep(string run)
    {
        var checkpoints = Path.Combine(run, "checkpoints");
        return Directory.Exists(checkpoints)
            ? Directory.GetFiles(checkpoints, "checkpoint-*.safetensors").Select(StepOf).DefaultIfEmpty(-1).Max()
            : -1;
    }

    /// <summary>Compares all that two runs have left, apart from times.</summary>
    public static void AssertSame(string actual, string expected)
    {
        Assert.That(Metrics(actual), Is.EqualTo(Metrics(expected)));
        foreach (var name in new[] { "model.safetensors", "samples.png", "curves.png" })
            Assert.That(
                File.ReadAllBytes(Path.Combine(actual, name)).AsSpan().SequenceEqual(
                    File.ReadAllBytes(Path.Combine(expected, name))), Is.True, name);
        AssertReportIsWhole(actual);
        Assert.That(Directory.GetFiles(actual, "*.tmp", SearchOption.AllDirectories), Is.Empty);
    }

    private static void AssertReportIsWhole(string run)
    {
        var epochs = Metrics(run).Length - 1;
        var report = File.ReadAllText(Path.Combine(run, "report.html"));
        Assert.That(report, Does.Contain($"""<p class="state finished">Finished: {epochs} of {epochs} epochs</p>"""));
        Assert.That(report, Does.Contain($"After epoch {epochs}, "), "the confusion matrix");
        Assert.That(report, Does.Contain($"data-epochs=\"{string.Join(',', Enumerable.Range(1, epochs))}\""));
        for (var epoch = 1; epoch <= epochs; epoch++)
            Assert.That(report, Does.Contain($"<title>epoch {epoch}\n"));
    }

    private static int StepOf(string checkpoint) =>
        int.Parse(Path.GetFileNameWithoutExtension(checkpoint).Split('-')[1], CultureInfo.InvariantCulture);

    private static string[] Metrics(string run)
    {
        var rows = File.ReadAllLines(Path.Combine(run, "metrics.csv")).Select(line => line.Split(',')).ToArray();
        return
        [
            .. rows.Select(row => string.Join(',', row.Where((_, column) => !_times.Contains(rows[0][column])))),
        ];
    }
}
