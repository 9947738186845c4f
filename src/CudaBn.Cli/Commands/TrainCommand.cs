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
        var model = Options.Choice<ModelChoice>(
            "--model", "Which network: that of the notebook (two convolutions with batch normalization, two dense layers)",
            ModelChoice.Notebook);
        var init = Options.Choice(
            "--init", "First weights: notebook (normal, deviation 0.01) or default (each layer's own)",
            "notebook", "notebook", "default");
        var lastBatch = Options.Choice("--last-batch",
            "What becomes of an epoch's last images when they fill no batch: drop them, for the next epoch brings them in "
            + "another order, or keep them as a short batch, whose step is the noisiest of all", "drop", "drop", "keep");
        var augment = new Option<bool>("--augment")
        {
            Description = "Crop every training image at random out of itself, padded by an eighth, and mirror every other one",
        };
        var normalize = new Option<bool>("--normalize")
        {
            Description = "Give every channel of the training images mean 0 and deviation 1, and change the test images alike",
        };
        var device = Options.Device();
        var threads = Options.Threads();
        var data = new DataOptions(haveDefaults: true);
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
            "Trains a network on Fashion-MNIST, CIFAR-10 or a folder of images.")
        {
            model, epochs, batchSize, learningRate, seed, init, device, threads, lastBatch, augment, normalize,
            output, notebookBug,
        };
        data.AddTo(command);
        command.SetAction(parsed => new TrainingRun(new TrainSettings(
            Choices.Of<ModelChoice>(parsed.GetValue(model))!.Value,
            data.Read(parsed),
            parsed.GetValue(epochs),
            parsed.GetValue(batchSize),
            parsed.GetValue(learningRate),
            parsed.GetValue(seed),
            NotebookInitialization: parsed.GetValue(init) == "notebook",
            DropLastBatch: parsed.GetValue(lastBatch) == "drop",
            Augments: parsed.GetValue(augment),
            Normalizes: parsed.GetValue(normalize),
            parsed.GetValue(device)!,
            parsed.GetValue(threads),
            parsed.GetValue(output),
            parsed.GetValue(notebookBug))).Execute());
        return command;
    }
}
