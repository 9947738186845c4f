using System.CommandLine;

namespace CudaBn.Cli;

/// <summary><c>cudabn eval</c>: loss and accuracy of saved weights on the test images.</summary>
internal static class EvalCommand
{
    public static Command Create()
    {
        var weights = new Argument<string>("RUN_OR_FILE")
        {
            Description = "The folder of a run, or a .safetensors file with the weights of the seed network",
        };
        var device = Options.Device();
        var threads = Options.Threads();
        var data = Options.Data();
        var limit = Options.Limit();
        var batchSize = Options.BatchSize();
        var command = new Command("eval", "Prints loss and accuracy of saved weights, over all classes and by class.")
        {
            weights, batchSize, device, threads, data, limit,
        };
        command.SetAction(parsed => Evaluate(
            parsed.GetValue(weights)!,
            parsed.GetValue(batchSize),
            parsed.GetValue(device)!,
            parsed.GetValue(threads),
            parsed.GetValue(data),
            parsed.GetValue(limit)));
        return command;
    }

    private static int Evaluate(
        string runOrFile, int batchSize, string deviceName, int? threads, string? folder, int? limit)
    {
        using var interruption = new Interruption();
        var path = WeightsAt(runOrFile);
        var chosen = ChosenDevice.Open(deviceName, threads);
        using var model = SeedNetwork.Create();
        model.Initialize(chosen.Device);
        var metadata = ModelWeights.Load(model, path);

        var data = DataAtHand.Open(folder, limit, interruption.Token);
        Terminal.WriteField("device", $"{chosen.Device.Description}; {chosen.Reason}");
        Terminal.WriteField("weights", path);
        if (metadata.TryGetValue("dataset", out var trainedOn) && trainedOn != data.Label())
            Terminal.WriteField("note", $"these weights were trained on {trainedOn}");

        using var loader = new DataLoader(data.Test, batchSize, chosen.Device);
        var predictions = Predictions.Of(model, loader, interruption.Token);
        var (loss, accuracy) = predictions.Evaluation;
        Console.WriteLine(Text.Of(
            $"test loss {loss:F6}, test accuracy {accuracy:F6} on {data.Test.Count} images of {data.Label()}"));
        WriteClasses(data.Test, predictions.Labels);
        return ExitCodes.Done;
    }

    private static string WeightsAt(string runOrFile)
    {
        if (string.IsNullOrWhiteSpace(runOrFile))
            throw new UsageException("RUN_OR_FILE: expected a folder or a file, got a blank.");
        if (File.Exists(runOrFile))
            return runOrFile;
        if (!Directory.Exists(runOrFile))
            throw new FileNotFoundException($"{runOrFile}: there is no such run or file.");

        var path = Path.Combine(runOrFile, RunFolder.WeightsName);
        return File.Exists(path)
            ? path
            : throw new FileNotFoundException($"{runOrFile}: holds no {RunFolder.WeightsName}.");
    }

    private static void WriteClasses(ImageDataset images, int[] predicted)
    {
        var truth = images.Labels.ToArray();
        Console.WriteLine();
        Console.WriteLine($"{"class",-12} {"images",7} {"right",7} {"accuracy",9}  most often taken for");
        for (var label = 0; label < images.ClassNames.Count; label++)
        {
            var answers = predicted.Where((_, i) => truth[i] == label).ToArray();
            var right = answers.Count(answer => answer == label);
            var wrong = answers.Where(answer => answer != label).GroupBy(answer => answer)
                .OrderByDescending(group => group.Count()).ThenBy(group => group.Key).FirstOrDefault();
            var accuracy = answers.Length == 0 ? "-" : Text.Of($"{(double)right / answers.Length:F4}");
            var taken = wrong is null ? "-" : Text.Of($"{images.ClassNames[wrong.Key]} ({wrong.Count()})");
            Console.WriteLine(Text.Of(
                $"{images.ClassNames[label],-12} {answers.Length,7} {right,7} {accuracy,9}  {taken}"));
        }
    }
}
