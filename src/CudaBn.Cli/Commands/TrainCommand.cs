using System.CommandLine;

namespace CudaBn.Cli;

/// <summary><c>cudabn train</c>.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        var epochs = Options.Whole("--epochs", "How often to go over the training images", 10);
        var batchSize = Options.WholeOrNone(
            "--batch-size", "Images per batch [default: 256, residual networks 128]", int.MaxValue);
        var learningRate = Options.NotNegative(
            "--lr", "Learning rate of SGD on the mean loss of a batch [default: 0.2, residual networks 0.1]", "RATE");
        var momentum = Options.Momentum();
        var weightDecay = Options.NotNegative(
            "--weight-decay",
            "Decay of weights, but not of biases and batch normalizations [default: 0, residual networks 0.0001]", "DECAY");
        var schedule = Options.Choice<ScheduleChoice>(
            "--schedule", "How the learning rate changes from step to step [default: constant, residual networks one-cycle]",
            initial: null);
        var seed = Options.Seed();
        var model = Options.Choice<ModelChoice>(
            "--model", "Which network: that of the notebook (two convolutions with batch normalization, two dense layers), or "
            + "a residual network of 20 or 18 layers", ModelChoice.Notebook);
        var init = Options.Choice(
            "--init", "First weights: notebook (normal, deviation 0.01; the notebook's network starts so by default) or "
            + "default (each layer's own)", initial: null, TrainingRecord.NotebookInit, TrainingRecord.DefaultInit);
        var lastBatch = Options.Choice("--last-batch",
            "What becomes of an epoch's last images when they fill no batch: drop them, for the next epoch brings them in "
            + "another order, or keep them as a short batch, whose step is the noisiest of all", TrainingRecord.DropLast,
            TrainingRecord.DropLast, TrainingRecord.KeepLast);
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
        var resume = new Option<string?>("--resume")
        {
            Description = "Go on with a run as if it had never ended, from its newest checkpoint: with all that it was asked "
                + "for. Beside it, --data, --device, --threads, --save-every, --keep, --tensorboard and --detect-anomaly may be "
                + "given anew, --lr for another learning rate from there on, and more --epochs where the schedule is constant; "
                + "all else must be as it was",
            HelpName = "RUN",
        };
        var saveEvery = Options.WholeOrNone(
            "--save-every", "Save a checkpoint after every N steps, too [default: after every epoch only]", int.MaxValue);
        var keep = Options.Whole("--keep", "How many checkpoints are kept", 3);
        var detectAnomaly = new Option<bool>("--detect-anomaly")
        {
            Description = "Look at what every layer makes in every step, and stop at the first NaN or infinity, which is named; "
                + "slower by some times",
        };
        var tensorBoard = new Option<bool>("--tensorboard")
        {
            Description = "Write event files for TensorBoard, too: loss, accuracy, and histograms of weights, gradients and "
                + "running statistics, into the folder tensorboard of the run",
        };

        var command = new Command(
            "train",
            "Trains a network on Fashion-MNIST, CIFAR-10 or a folder of images.")
        {
            model, epochs, batchSize, learningRate, momentum, weightDecay, schedule, seed, init, device, threads, lastBatch,
            augment, normalize, output, notebookBug, tensorBoard, resume, saveEvery, keep, detectAnomaly,
        };
        data.AddTo(command);
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(resume) is { } run)
                return Resume(RunToResume.Find(run), new GivenOptions(parsed));
            var network = Choices.Of<ModelChoice>(parsed.GetValue(model))!.Value;
            var recipe = network.Recipe();
            var isNotebook = network == ModelChoice.Notebook;
            if (!isNotebook && parsed.GetValue(init) == TrainingRecord.NotebookInit)
                throw new UsageException($"--init notebook: expected --model notebook, got {Choices.Word(network)}.");
            if (!isNotebook && parsed.GetValue(notebookBug))
                throw new UsageException($"--notebook-bug: expected --model notebook, got {Choices.Word(network)}.");
            return new TrainingRun(new TrainSettings(
                network,
                data.Read(parsed),
                parsed.GetValue(epochs),
                new Recipe(
                    parsed.GetValue(batchSize) ?? recipe.BatchSize,
                    parsed.GetValue(learningRate) ?? recipe.LearningRate,
                    parsed.GetValue(momentum) ?? recipe.Momentum,
                    parsed.GetValue(weightDecay) ?? recipe.WeightDecay,
                    Choices.Of<ScheduleChoice>(parsed.GetValue(schedule)) ?? recipe.Schedule),
                parsed.GetValue(seed),
                NotebookInitialization: isNotebook && parsed.GetValue(init) != TrainingRecord.DefaultInit,
                DropLastBatch: parsed.GetValue(lastBatch) == TrainingRecord.DropLast,
                Augments: parsed.GetValue(augment),
                Normalizes: parsed.GetValue(normalize),
                parsed.GetValue(device)!,
                parsed.GetValue(threads),
                parsed.GetValue(output),
                parsed.GetValue(notebookBug),
                parsed.GetValue(tensorBoard),
                parsed.GetValue(saveEvery),
                parsed.GetValue(keep),
                parsed.GetValue(detectAnomaly))).Execute();
        });
        return command;
    }

    private static int Resume(RunToResume run, GivenOptions given)
    {
        var settings = run.SettingsWith(given);
        if (run.IsFinishedAfter(settings.Epochs))
        {
            Terminal.WriteField("finished", Text.Of($"{run.FolderPath}: all of its {settings.Epochs} epochs are done"));
            return ExitCodes.Done;
        }

        var learningRate = given.TryGet("--lr", out var rate) ? (double?)rate : null;
        return new TrainingRun(settings, run, learningRate).Execute();
    }
}
