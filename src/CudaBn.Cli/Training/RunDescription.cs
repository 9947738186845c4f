using CudaBn.Serialization;

namespace CudaBn.Cli;

/// <summary>What a run trains, on what and how, in words and numbers for people.</summary>
internal sealed record RunDescription
{
    /// <summary>The network.</summary>
    public required string Network { get; init; }

    /// <summary>Numbers that training changes.</summary>
    public required long ParameterCount { get; init; }

    /// <summary>How the first weights were chosen: "notebook" or "default".</summary>
    public required string Start { get; init; }

    /// <summary>What the images are called.</summary>
    public required string DataSet { get; init; }

    /// <summary>Size, colors and classes of the images.</summary>
    public required ImageShape Images { get; init; }

    public required int TrainImages { get; init; }

    public required int TestImages { get; init; }

    /// <summary>What is done to images: "augmented, normalized"; empty for nothing.</summary>
    public required string Preparation { get; init; }

    /// <summary>The device, and why this one.</summary>
    public required string Device { get; init; }

    /// <summary>Batch size, learning rate and so on.</summary>
    public required Recipe Recipe { get; init; }

    /// <summary>How many epochs the run is to have.</summary>
    public required int Epochs { get; init; }

    public required ulong Seed { get; init; }

    /// <summary>Where the run is kept.</summary>
    public required string Folder { get; init; }

    /// <summary>The version of the library.</summary>
    public static string Version => SavedState.WriterVersion;

    public static RunDescription Of(
        TrainSettings settings, ChosenDevice chosen, ImageDataSplits data, Layer model, RunFolder folder) => new()
        {
            Network = settings.Model.Title(),
            ParameterCount = model.Parameters.Sum(parameter => parameter.Value.ElementCount),
            Start = settings.NotebookInitialization ? "notebook" : "default",
            DataSet = data.Label(),
            Images = ImageShape.Of(data.Train),
            TrainImages = data.Train.Count,
            TestImages = data.Test.Count,
            Preparation = string.Join(
                ", ",
                new[] { settings.Augments ? "augmented" : null, settings.Normalizes ? "normalized" : null }.OfType<string>()),
            Device = $"{chosen.Device.Description}; {chosen.Reason}",
            Recipe = settings.Recipe,
            Epochs = settings.Epochs,
            Seed = settings.Seed,
            Folder = folder.FolderPath,
        };
}
