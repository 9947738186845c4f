using System.CommandLine;

namespace CudaBn.Cli;

/// <summary><c>cudabn eval</c>: loss and accuracy of saved weights on the test images.</summary>
internal static class EvalCommand
{
    public static Command Create()
    {
        var weights = new Argument<string>("RUN_OR_FILE")
        {
            Description = "The folder of a run, or a .safetensors or .npz file with weights",
        };
        var device = Options.Device();
        var threads = Options.Threads();
        var model = Options.Choice<ModelChoice>("--model", "The network, where no run says it", null);
        var data = new DataOptions(haveDefaults: false);
        var batchSize = Options.BatchSize();
        var command = new Command("eval", "Prints loss and accuracy of saved weights, over all classes and by class.")
        {
            weights, batchSize, device, threads, model,
        };
        data.AddTo(command);
        command.SetAction(parsed =>
        {
            var trained = TrainedModel.Find(
                parsed.GetValue(weights)!, Choices.Of<ModelChoice>(parsed.GetValue(model)));
            return Evaluate(
                trained,
                data.Read(parsed, trained.Record?.DataSettings),
                parsed.GetValue(batchSize),
                ChosenDevice.Open(parsed.GetValue(device)!, parsed.GetValue(threads)));
        });
        return command;
    }

    private static int Evaluate(TrainedModel trained, DataSettings images, int batchSize, ChosenDevice chosen)
    {
        using var interruption = new Interruption();
        var data = DataAtHand.Open(images, trained.Choice, interruption.Token);
        using var model = trained.Load(chosen.Device, ImageShape.Of(data.Test), out var metadata);
        Terminal.WriteField("device", $"{chosen.Device.Description}; {chosen.Reason}");
        Terminal.WriteField("weights", trained.WeightsPath);
        if (metadata.TryGetValue("dataset", out var trainedOn) && trainedOn != data.Label())
            Terminal.WriteField("note", $"these weights were trained on {trainedOn}");

        using var loader = new DataLoader(data.Test, batchSize, chosen.Device, normalization: trained.Normalization);
        var predictions = Predictions.Of(model, loader, interruption.Token);
        var (loss, accuracy) = predictions.Evaluation;
        Console.WriteLine(Text.Of(
            $"test loss {loss:F6}, test accuracy {accuracy:F6} on {data.Test.Count} images of {data.Label()}"));
        WriteClasses(data.Test, predictions.Labels);
        return ExitCodes.Done;
    }

    private static void WriteClasses(ImageDataset images, int[] predicted)
    {
        var truth = images.Labels.ToArray();
        Console.WriteLine();
        var width = Math.Max(12, images.ClassNames.Max(name => name.Length));
        Console.WriteLine($"{"class".PadRight(width)} {"images",7} {"right",7} {"accuracy",9}  most often taken for");
        for (var label = 0; label < images.ClassNames.Count; label++)
        {
            var answers = predicted.Where((_, i) => truth[i] == label).ToArray();
            var right = answers.Count(answer => answer == label);
            var wrong = answers.Where(answer => answer != label).GroupBy(answer => answer)
                .OrderByDescending(group => group.Count()).ThenBy(group => group.Key).FirstOrDefault();
            var accuracy = answers.Length == 0 ? "-" : Text.Of($"{(double)right / answers.Length:F4}");
            var taken = wrong is null ? "-" : Text.Of($"{images.ClassNames[wrong.Key]} ({wrong.Count()})");
            Console.WriteLine(Text.Of(
                $"{images.ClassNames[label].PadRight(width)} {answers.Length,7} {right,7} {accuracy,9}  {taken}"));
        }
    }
}
