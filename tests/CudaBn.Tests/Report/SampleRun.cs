using CudaBn.Cli;
using NUnit.Framework;

namespace CudaBn.Tests.Report;

/// <summary>A short run on drawn garments in this process, observed as that of the command is.</summary>
internal static class SampleRun
{
    /// <summary>Names that a folder of images may have, and that must stay text in a page.</summary>
    public static IReadOnlyList<string> HostileNames { get; } =
    [
        "<script>window.taken = 1</script>",
        "\"><img src=x onerror='window.taken = 1'>",
        "' onmouseover='window.taken = 1' x='",
        "</style></title><h1>taken</h1>",
        "&lt;b&gt; &amp; &#x27;",
        "right\u202Etfel\u202C to left",
        "a name that goes on and on and on, far beyond the edge of every phone that there is, without an end in sight",
        "areallylongnamewithoutanyblankinitatallsothatnothingcanbebrokenanywherewithoutforce",
        "line\nbreak\tand \u0001 control",
        "<!-- --> ]]> {{x}} 中文 🙂",
    ];

    public static Sequential CreateModel() => new(
        new Conv2d(1, 6, kernel: 5), new BatchNorm(6), new ReLU(), new MaxPool2d(2), new Flatten(), new Linear(864, 10));

    /// <summary>Trains, and leaves a report and its history in a folder.</summary>
    /// <param name="folder">The folder, which holds no run yet.</param>
    /// <param name="epochs">How many epochs are trained.</param>
    /// <param name="classNames">Other names for the ten classes.</param>
    /// <param name="dataSet">What the images are called.</param>
    /// <param name="another">Makes one more observer.</param>
    /// <param name="resumed">The epochs of the run so far, where it goes on.</param>
    /// <param name="history">What is in history.json then.</param>
    /// <returns>The epochs.</returns>
    public static List<EpochRow> Write(
        string folder, int epochs = 3, IReadOnlyList<string>? classNames = null, string dataSet = "drawn garments",
        Func<RunFolder, Sequential, DataLoader, IRunObserver>? another = null, List<EpochRow>? resumed = null,
        string? history = null)
    {
        var garments = DrawnGarments.Create(300, 200);
        var (trainImages, testImages) = (Renamed(garments.Train, classNames), Renamed(garments.Test, classNames));
        using var model = CreateModel();
        model.Initialize(Device.Cpu, seed: 1);
        using var train = new DataLoader(trainImages, 64, shuffle: true, dropLast: true);
        using var test = new DataLoader(testImages, 64);
        using var loss = new SoftmaxCrossEntropy();
        using var optimizer = Recipe.Optimizer(model);
        using var trainer = new Trainer(model, loss, optimizer);
        using var run = RunFolder.Claim(folder);
        run.Keep();
        if (history is not null)
            File.WriteAllText(run.History, history);
        var report = new RunReport(Description(dataSet, trainImages, testImages, epochs, folder), run, model, train, test);
        using var observers = another is null
            ? new RunObservers(run, report)
            : new RunObservers(run, report, another(run, model, train));
        var rows = new List<EpochRow>(resumed ?? []);
        observers.Begin(Recipe, trainer, loss, optimizer, rows);
        foreach (var epoch in trainer.Fit(train, test, epochs, observers.Beside(new Progress<TrainingProgress>())))
        {
            rows.Add(new EpochRow(epoch with { Epoch = epoch.Epoch + (resumed?.Count ?? 0) }, NotebookBug: null));
            observers.EpochEnded(rows, warn: Assert.Fail);
        }

        observers.End(rows, RunEnding.Finished);
        return rows;
    }

    public static Recipe Recipe { get; } = new(
        BatchSize: 64, LearningRate: 0.05, Momentum: 0.9, WeightDecay: 0, ScheduleChoice.Constant);

    public static RunDescription Description(
        string dataSet, ImageDataset train, ImageDataset test, int epochs, string folder) => new()
        {
            Network = "small network",
            ParameterCount = 8818,
            Start = "default",
            DataSet = dataSet,
            Images = ImageShape.Of(test),
            TrainImages = train.Count,
            TestImages = test.Count,
            Preparation = "",
            Device = Device.Cpu.Description,
            Recipe = Recipe,
            Epochs = epochs,
            Seed = 1,
            Folder = folder,
        };

    private static ImageDataset Renamed(ImageDataset images, IReadOnlyList<string>? classNames) => new(
        images.Name, images.Channels, images.Height, images.Width, images.Images, images.Labels,
        classNames ?? images.ClassNames);
}
