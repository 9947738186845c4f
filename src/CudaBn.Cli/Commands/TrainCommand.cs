using System.CommandLine;

namespace CudaBn.Cli;

/// <summary><c>cudabn train</c>.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        var epochs = Options.Whole("--epochs", "How often to go over the training images", 10);
        var batchSize = Options.BatchSize();
        var learningRate = Options.LearningRate();
        var seed = Options.Seed();
        var init = Choice("--init", "First weights: notebook (normal, deviation 0.01) or default (each layer's own)",
            "notebook", "default");
        var lastBatch = Choice("--last-batch",
            "What becomes of an epoch's last images when they fill no batch: drop them, for the next epoch brings them in "
            + "another order, or keep them as a short batch, whose step is the noisiest of all", "drop", "keep");
        var device = Options.Device();
        var threads = Options.Threads();
        var data = Options.Data();
        var limit = Options.Limit();
        var output = new Option<string?>("--out")
        {
            Description = "Folder for what is written; -2 is added where it holds a run [default: runs/TIME]",
            HelpName = "FOLDER",
        };
        var notebookBug = new Option<bool>("--notebook-bug")
        {
            Description = "Evaluate also with the running statistics the notebook's broken line would have had",
        };

        var command = new Command(
            "train",
            "Trains the seed network (two convolutions with batch normalization, two dense layers) on Fashion-MNIST.")
        {
            epochs, batchSize, learningRate, seed, init, device, threads, data, limit, lastBatch,
            output, notebookBug,
        };
        command.SetAction(parsed => new TrainingRun(new TrainSettings(
            parsed.GetValue(epochs),
            parsed.GetValue(batchSize),
            parsed.GetValue(learningRate),
            parsed.GetValue(seed),
            NotebookInitialization: parsed.GetValue(init) == "notebook",
            DropLastBatch: parsed.GetValue(lastBatch) == "drop",
            parsed.GetValue(device)!,
            parsed.GetValue(threads),
            parsed.GetValue(data),
            parsed.GetValue(limit),
            parsed.GetValue(output),
            parsed.GetValue(notebookBug))).Execute());
        return command;
    }

    /// <summary>An option that takes one of two words, the first of them by default.</summary>
    private static Option<string> Choice(string name, string description, string first, string second)
    {
        var option = new Option<string>(name)
        {
            Description = description,
            DefaultValueFactory = _ => first,
            HelpName = $"{first}|{second}",
        };
        option.Validators.Add(result =>
        {
            var value = result.GetValueOrDefault<string>();
            if (value != first && value != second)
                result.AddError($"{name} {value}: expected {first} or {second}.");
        });
        return option;
    }
}
