using System.CommandLine;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace CudaBn.Cli;

/// <summary><c>cudabn doctor</c>: what this machine has, and where things were looked for.</summary>
internal static class DoctorCommand
{
    public static Command Create()
    {
        var data = new Option<string?>("--data")
        {
            Description = "Folder with the four IDX files of Fashion-MNIST, plain or .gz; no other place is searched",
            HelpName = "FOLDER",
        };
        var command = new Command("doctor", "Shows device, vector instructions, data and versions. Needs no GPU.")
        {
            data,
        };
        command.SetAction(parsed => Examine(parsed.GetValue(data)));
        return command;
    }

    private static int Examine(string? data)
    {
        var device = Device.Best(out var reason);
        Terminal.WriteField("device", $"{device}: {device.Description}; {reason}");
        Terminal.WriteField("vectors", Vectors());
        Terminal.WriteField("threads", Text.Of($"{Environment.ProcessorCount}"));
        Terminal.WriteField("CPU", Processor.Name());
        CudaReport.Write(device);
        WriteData(data);
        Terminal.WriteField("CudaBn", Version(typeof(Device)));
        Terminal.WriteField(".NET", $"{Environment.Version} ({RuntimeInformation.RuntimeIdentifier})");
        Terminal.WriteField("OS", $"{RuntimeInformation.OSDescription} {RuntimeInformation.OSArchitecture}");
        return ExitCodes.Done;
    }

    private static void WriteData(string? path)
    {
        var search = FashionMnist.Find(path);
        foreach (var place in search.Searched)
            Terminal.WriteField("data", place.ToString());
        if (search.Folder is null)
            Terminal.WriteField("data", search.MayDownload
                ? $"'cudabn train' would download {FashionMnist.Name} into the cache"
                : search.IsSettled()
                    ? "'cudabn train' would fail: no other place is searched"
                    : $"'cudabn train' would use {DrawnGarments.Name} (built in): CUDABN_OFFLINE forbids a download");
        Terminal.WriteField("cache", DataFolders.OfThisMachine(FashionMnist.FolderName).Cache ?? "none: this user has no home folder");
    }

    private static string Vectors() =>
        Vector512.IsHardwareAccelerated ? "512 bits"
        : Vector256.IsHardwareAccelerated ? "256 bits"
        : Vector128.IsHardwareAccelerated ? "128 bits"
        : "none";

    private static string Version(Type type) =>
        type.Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
}
