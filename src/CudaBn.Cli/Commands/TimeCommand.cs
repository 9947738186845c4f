using System.CommandLine;
using CudaBn.Backends.Cpu;

namespace CudaBn.Cli;

/// <summary><c>cudabn time</c>: how fast the seed network and its operators are on the processor, beside what the
/// processor could do at best.</summary>
internal static class TimeCommand
{
    public static Command Create()
    {
        var quick = new Option<bool>("--quick") { Description = "Measure for about ten seconds in all, less exactly" };
        var threads = Options.Threads();
        var json = new Option<string?>("--json") { Description = "Write the figures to a file too", HelpName = "FILE" };
        var command = new Command(
            "time",
            "Times a training step, an evaluation and the operators on the processor, beside its measured limits.")
        {
            quick, threads, json,
        };
        command.SetAction(parsed => Time(
            parsed.GetValue(quick) ? TimingPlan.Quick : TimingPlan.Thorough,
            parsed.GetValue(threads) ?? Environment.ProcessorCount,
            parsed.GetValue(json)));
        return command;
    }

    private static int Time(TimingPlan plan, int threads, string? json)
    {
        if (json is not null && !Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(json))))
            throw new DirectoryNotFoundException($"--json {json}: its folder does not exist.");

        using var backend = new CpuBackend(threads);
        Terminal.WriteField("device", $"{backend.Device.Description}; {Processor.Name()}");
        Terminal.WriteField("data", "random images and random normal numbers; times are medians");

        // Between the others' turns on the machine: the limits are measured before, between and after.
        var limits = MachineLimits.Measure(threads);
        double step, evaluation;
        long work;
        using (var network = new NetworkTimer(backend.Device, plan))
        {
            step = network.StepMilliseconds();
            evaluation = network.EvaluationMilliseconds();
            work = network.StepWork;
        }

        limits = limits.Best(MachineLimits.Measure(threads));
        var operators = new OperatorTimer(backend.Device, plan).Run().ToArray();
        limits = limits.Best(MachineLimits.Measure(threads));

        var report = new TimingReport(Processor.Name(), threads, limits, step, work, evaluation, operators);
        report.Print();
        if (json is not null)
            report.WriteJson(json);
        return ExitCodes.Done;
    }
}
