using System.CommandLine;
using System.Text.Json;

namespace CudaBn.Cli;

/// <summary><c>cudabn inspect</c>: what is in a file of tensors.</summary>
internal static class InspectCommand
{
    private const string PictureExtension = ".png";

    public static Command Create()
    {
        var file = new Argument<string>("RUN_OR_FILE")
        {
            Description = "The folder of a run, or a .safetensors or .npz file: weights or a checkpoint",
        };
        var json = new Option<bool>("--json") { Description = "Print JSON in place of a table" };
        var plot = new Option<string?>("--plot")
        {
            Description = "Draw histograms of all tensors into this PNG file, too",
            HelpName = "FILE.png",
        };
        var command = new Command(
            "inspect",
            "Lists the tensors of a file: shape, type, bytes, range, mean and norm of the finite values, and how many are NaN "
            + "or infinite.")
        {
            file, json, plot,
        };
        command.SetAction(parsed => Inspect(parsed.GetValue(file)!, parsed.GetValue(json), parsed.GetValue(plot)));
        return command;
    }

    private static int Inspect(string path, bool isJson, string? plot)
    {
        if (plot is not null && !Path.GetExtension(plot).Equals(PictureExtension, StringComparison.OrdinalIgnoreCase))
            throw new UsageException($"--plot {plot}: expected a name that ends in {PictureExtension}.");

        using var interruption = new Interruption(endsAtOnce: true);
        using var file = TensorFormats.Open(RunWeights.At(path));
        var tensors = file.Tensors
            .Select(entry => new InspectedTensor(entry, TensorStatistics.Of(file, entry))).ToList();
        var report = InspectionReport.Of(file, tensors);
        if (isJson)
            Console.WriteLine(JsonSerializer.Serialize(report, InspectionReportJson.Default.InspectionReport));
        else
            InspectionTable.Write(report);
        if (plot is not null)
            HistogramsPicture.Write(plot, file, tensors);
        return ExitCodes.Done;
    }
}
