using System.CommandLine;
using System.Diagnostics;
using System.Globalization;

namespace CudaBn.Bench;

/// <summary>The command line of the suite.</summary>
public static class BenchCommand
{
    /// <summary>All that was asked for has a result, and nothing is slower than it may be.</summary>
    public const int Done = 0;

    /// <summary>Nothing has a result, or something lacks one.</summary>
    public const int Incomplete = 1;

    /// <summary>The command was not understood, or a file could not be read or written.</summary>
    public const int Unusable = 2;

    /// <summary>Something takes longer than <c>--compare</c> allows.</summary>
    public const int Slower = 3;

    private const double DefaultThreshold = 0.1;

    public static int Run(string[] args)
    {
        var device = new Option<string>("--device")
        {
            Description = "cpu, cuda, cuda:1, ...; all takes every backend there is",
            DefaultValueFactory = _ => "all",
        };
        var quick = new Option<bool>("--quick") { Description = "The seed network's shapes alone, less exactly: a minute" };
        var output = new Option<string?>("--out")
        {
            Description = "The folder of the results [default: artifacts/bench/<time>]", HelpName = "FOLDER",
        };
        var compare = new Option<FileInfo?>("--compare")
        {
            Description = "results.json of an earlier run: prints the ratio per row", HelpName = "OLD.json",
        };
        var threshold = new Option<double>("--threshold")
        {
            Description = "How much longer than then a row may take, 0.1 for a tenth; beyond it the exit code is 3",
            DefaultValueFactory = _ => DefaultThreshold,
        };
        var from = new Option<FileInfo?>("--from")
        {
            Description = "Measures nothing: takes the results of a run and writes its tables and pictures again",
            HelpName = "RESULTS.json",
        };
        var inProcess = new Option<bool>("--in-process")
        {
            Description = "Runs benchmarks in this process, as where there is no SDK that could compile others",
        };
        var verbose = new Option<bool>("--verbose") { Description = "Shows all that BenchmarkDotNet prints" };
        var command = new RootCommand(
            "Measures every operator of CudaBn, the training step, the epoch and the start-up, beside the limits of the "
            + "machine and ONNX Runtime. All other options are BenchmarkDotNet's, among them --filter '*Conv2d*' and "
            + "--list flat. What a filter lets through is measured at every shape, everything with --filter '*'; without a "
            + "filter, a selection is that takes some minutes.")
        {
            device, quick, output, compare, threshold, from, inProcess, verbose,
        };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(parsed =>
        {
            var folder = Path.GetFullPath(parsed.GetValue(output) ?? Path.Combine(
                "artifacts", "bench", DateTime.Now.ToString("yyyy-MM-dd-HHmmss", CultureInfo.InvariantCulture)));
            var old = parsed.GetValue(compare) is { } file ? SuiteResults.ReadJson(file.FullName) : null;
            var results = parsed.GetValue(from) is { } earlier
                ? SuiteResults.ReadJson(earlier.FullName)
                : Measure(parsed, folder, device, quick, inProcess, verbose);
            return results is null ? Done : Report(results, folder, old, parsed.GetValue(threshold));
        });
        try
        {
            return command.Parse(args).Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (Exception e) when (e is IOException or InvalidDataException or ArgumentException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine(e.Message);
            return Unusable;
        }
    }

    /// <returns>Null where BenchmarkDotNet was asked for something else than to measure.</returns>
    private static SuiteResults? Measure(
        ParseResult parsed, string folder, Option<string> device, Option<bool> quick, Option<bool> inProcess,
        Option<bool> verbose)
    {
        string[] arguments = [.. parsed.UnmatchedTokens];
        var onlyTells = arguments.Any(argument => argument is "--list" or "--info" or "--version");
        var chooses = arguments.Any(argument => argument is "--filter" or "-f" or "--allCategories" or "--anyCategories");
        if (!onlyTells && !chooses)
            arguments = [.. arguments, "--filter", "*"];
        var settings = new SuiteSettings
        {
            Devices = ChosenDevices(parsed.GetValue(device)!),
            Shapes = parsed.GetValue(quick) ? ShapeChoice.Quick
                : chooses || onlyTells ? ShapeChoice.All : ShapeChoice.Usual,
            // Processes of their own cost half a minute of compiling, and half a second per benchmark.
            InProcess = parsed.GetValue(inProcess) || parsed.GetValue(quick) || !Sdk.CanCompile,
            Verbose = parsed.GetValue(verbose) || onlyTells,
            Output = folder,
            Arguments = arguments,
        };
        if (!onlyTells)
            Console.WriteLine(string.Join("; ", settings.Devices.Select(chosen => $"{chosen}: {chosen.Description}")));
        var clock = Stopwatch.StartNew();
        var results = new SuiteRun(settings, SuiteRun.AllClasses).Run();
        if (onlyTells)
            return null;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{results.Rows.Count} benchmarks in {clock.Elapsed.TotalMinutes:F1} minutes"));
        return results;
    }

    private static IReadOnlyList<Device> ChosenDevices(string name)
    {
        if (name != "all")
        {
            var chosen = Device.Parse(name, out var reason);
            Console.WriteLine(reason);
            return [chosen];
        }

        var best = Device.Best(out var why);
        if (best.Kind != DeviceKind.Cpu)
            return [Device.Cpu, best];
        Console.WriteLine(why);
        return [Device.Cpu];
    }

    private static int Report(SuiteResults results, string folder, SuiteResults? old, double threshold)
    {
        if (results.Rows.Count == 0)
        {
            foreach (var line in results.LeftOut.Concat(results.Failures))
                Console.Error.WriteLine(line);
            Console.Error.WriteLine("No benchmark has a result. --list flat names all benchmarks.");
            return Incomplete;
        }

        Directory.CreateDirectory(folder);
        results.WriteJson(Path.Combine(folder, "results.json"));
        File.WriteAllText(Path.Combine(folder, "results.csv"), ResultTable.Csv(results));
        var markdown = ResultTable.Markdown(results, "roofline");
        File.WriteAllText(Path.Combine(folder, "results.md"), markdown);
        foreach (var device in results.Limits.Keys)
            RooflinePicture.Write(results, device, Path.Combine(folder, ResultTable.PictureName("roofline", device)));
        Console.WriteLine();
        Console.WriteLine(markdown);
        Console.WriteLine($"written to {folder}: results.md, results.csv, results.json and "
            + string.Join(", ", results.Limits.Keys.Select(device => ResultTable.PictureName("roofline", device))));
        var comparison = old is null ? null : new Comparison(old, results, threshold);
        if (comparison is not null)
            Console.WriteLine(comparison.Report());
        return results.Failures.Count > 0 ? Incomplete : comparison?.Slower.Any() == true ? Slower : Done;
    }
}
