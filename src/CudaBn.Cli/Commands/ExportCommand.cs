using System.CommandLine;
using CudaBn.Onnx;

namespace CudaBn.Cli;

/// <summary><c>cudabn export</c>: saved weights as an ONNX file that other runtimes take.</summary>
internal static class ExportCommand
{
    public static Command Create()
    {
        var weights = new Argument<string>("RUN_OR_FILE")
        {
            Description = "The folder of a run, or a .safetensors file with weights",
        };
        var target = new Argument<string>("MODEL.onnx") { Description = "The file to write" };
        var model = Options.Choice<ModelChoice>("--model", "The network, where no run says it", null);
        var force = new Option<bool>("--force") { Description = "Replace the file where it exists" };
        var command = new Command(
            "export", "Writes a network with its weights as an ONNX file, for any number of images of pixels / 255.")
        {
            weights, target, model, force,
        };
        command.SetAction(parsed => Export(
            TrainedModel.Find(parsed.GetValue(weights)!, Choices.Of<ModelChoice>(parsed.GetValue(model))),
            parsed.GetValue(target)!,
            parsed.GetValue(force)));
        return command;
    }

    private static int Export(TrainedModel trained, string target, bool force)
    {
        if (string.IsNullOrWhiteSpace(target))
            throw new UsageException("MODEL.onnx: expected a file, got a blank.");
        if (File.Exists(target) && !force)
            throw new UsageException($"{target}: exists; --force replaces it.");
        using var interruption = new Interruption(endsAtOnce: true);
        var shape = trained.Shape;
        using var model = trained.Load(Device.Cpu, shape, out _);
        var signature = OnnxExport.Save(
            model, target, [1, shape.Channels, shape.Height, shape.Width],
            new OnnxExportOptions
            {
                GraphName = Choices.Word(trained.Choice),
                Normalization = trained.Normalization,
                ClassNames = trained.ClassNames,
            });

        var normalized = trained.Normalization is null ? "" : "; the file normalizes them";
        Terminal.WriteField("weights", trained.WeightsPath);
        Terminal.WriteField(
            "file", Text.Of($"{target}, {new FileInfo(target).Length / 1e6:F2} MB, opset {signature.OperatorSet}"));
        Terminal.WriteField(
            "input", $"{signature.InputName}, {Describe(signature.DType, signature.InputShape)}: pixels / 255{normalized}");
        Terminal.WriteField(
            "output", $"{signature.OutputName}, {Describe(signature.DType, signature.OutputShape)}: a logit for each class");
        return ExitCodes.Done;
    }

    private static string Describe(DType dtype, IReadOnlyList<int?> sizes)
    {
        var texts = sizes.Select(size => size is { } known ? Text.Of($"{known}") : "batch");
        return $"{Choices.Word(dtype)} [{string.Join(", ", texts)}]";
    }
}
