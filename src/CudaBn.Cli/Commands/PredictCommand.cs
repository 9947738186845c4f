using System.CommandLine;
using System.Text.Json;

namespace CudaBn.Cli;

/// <summary><c>cudabn predict</c>: what a trained network takes images for.</summary>
internal static class PredictCommand
{
    public static Command Create()
    {
        var files = new Argument<string[]>("IMAGE")
        {
            Description = "PNG, JPEG or IDX files (plain or .gz, every image of them). They are scaled to cover the size of the "
                + "images that the network was trained on, cropped at their middle, made grey or RGB, and normalized as those "
                + "were",
            Arity = ArgumentArity.OneOrMore,
        };
        var weights = new Option<string?>("--weights")
        {
            Description = $"The folder of a run, or a .safetensors file with weights [default: the newest in {RunFolder.Parent}]",
            HelpName = "RUN_OR_FILE",
        };
        var model = Options.Choice<ModelChoice>("--model", "The network, where no run says it", null);
        var top = Options.Whole("--top", "How many classes are told of each image, the most probable first", 3);
        var json = new Option<bool>("--json")
        {
            Description = "Print JSON in place of a table: { weights, model, device, predictions: [{ file, index, top: "
                + "[{ label, name, probability }] }], errors: [{ file, index, message }] }; index counts the images of an IDX "
                + "file from 0",
        };
        var invert = new Option<bool>("--invert")
        {
            Description = "Turn black into white and white into black first: networks trained on Fashion-MNIST know garments "
                + "that are white on black and fill the picture",
        };
        var batchSize = Options.BatchSize();
        var device = Options.Device();
        var threads = Options.Threads();
        var command = new Command("predict", "Tells what a trained network takes images for.")
        {
            files, weights, model, top, json, invert, batchSize, device, threads,
        };
        command.SetAction(parsed =>
        {
            var images = parsed.GetValue(files)!;
            if (images.Any(string.IsNullOrWhiteSpace))
                throw new UsageException("IMAGE: expected a file, got a blank.");
            var trained = TrainedModel.Find(
                parsed.GetValue(weights) ?? RunWeights.OfNewestRun()
                    ?? throw new UsageException(
                        $"--weights: expected a run or a file with weights, for there is none in {RunFolder.Parent}."),
                Choices.Of<ModelChoice>(parsed.GetValue(model)));
            var chosen = ChosenDevice.Open(parsed.GetValue(device)!, parsed.GetValue(threads));
            var report = Predict(
                trained, chosen.Device, images, parsed.GetValue(batchSize), parsed.GetValue(top), parsed.GetValue(invert));
            if (parsed.GetValue(json))
                Console.WriteLine(JsonSerializer.Serialize(report, PredictionReportJson.Default.PredictionReport));
            else
                WriteTable(report, chosen);
            foreach (var error in report.Errors)
                Terminal.WriteError(error.Message);
            return report.Errors.Count == 0 ? ExitCodes.Done : ExitCodes.Failed;
        });
        return command;
    }

    private static PredictionReport Predict(
        TrainedModel trained, Device device, string[] files, int batchSize, int top, bool inverts)
    {
        using var interruption = new Interruption();
        var shape = trained.Shape;
        var reader = new ImageReader(shape, inverts);
        using var model = trained.Load(device, shape, out _);
        var classifier = new Classifier(model, trained.ClassNames, shape, trained.Normalization);
        var predictions = new List<ImagePrediction>();
        var errors = new List<FailedImage>();
        foreach (var images in reader.Read(files, batchSize, interruption.Token))
        {
            errors.AddRange(images.Failed);
            predictions.AddRange(classifier.Classify(images, top, errors));
        }

        return new PredictionReport(
            trained.WeightsPath, Choices.Word(trained.Choice), device.ToString(), predictions, errors);
    }

    private static void WriteTable(PredictionReport report, ChosenDevice chosen)
    {
        Terminal.WriteField("device", $"{chosen.Device.Description}; {chosen.Reason}");
        Terminal.WriteField("weights", report.Weights);
        if (report.Predictions.Count == 0)
            return;

        var isOfSeveral = report.Predictions.Where(one => one.Index > 0).Select(one => one.File).ToHashSet();
        var names = report.Predictions.Select(one =>
            isOfSeveral.Contains(one.File) ? Text.Of($"{one.File}[{one.Index}]") : one.File).ToArray();
        var width = names.Append("image").Max(name => name.Length);
        var classWidth = report.Predictions.Max(one => one.Top.Max(likely => likely.Name.Length));
        Console.WriteLine();
        Console.WriteLine($"{"image".PadRight(width)}  most probable, with probabilities");
        for (var i = 0; i < names.Length; i++)
        {
            var classes = report.Predictions[i].Top.Select(likely =>
                Text.Of($"{likely.Name.PadRight(classWidth)} {likely.Probability:F4}"));
            Console.WriteLine($"{names[i].PadRight(width)}  {string.Join("  ", classes)}");
        }
    }
}
