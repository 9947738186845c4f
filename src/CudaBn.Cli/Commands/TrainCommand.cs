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
        var init = new Option<string>("--init")
        {
            Description = "First weights: notebook (normal, deviation 0.01) or default (each layer's own)",
            DefaultValueFactory = _ => "notebook",
            HelpName = "notebook|default",
        };
        init.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string>() is var value and not ("notebook" or "default"))
                result.AddError($"--init {value}: expected notebook or default.");
        });
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
            epochs, batchSize, learningRate, seed, init, device, threads, data, limit, output, notebookBug,
        };
        command.SetAction(parsed => new TrainingRun(new TrainSettings(
            parsed.GetValue(epochs),
            parsed.GetValue(batchSize),
            parsed.GetValue(learningRate),
            parsed.GetValue(seed),
            NotebookInitialization: parsed.GetValue(init) == "notebook",
            parsed.GetValue(device)!,
            parsed.GetValue(threads),
            parsed.GetValue(data),
            parsed.GetValue(limit),
            parsed.GetValue(output),
            parsed.GetValue(notebookBug))).Execute());
        return command;
    }
}
