using Spectre.Console;

namespace CudaBn.Cli;

/// <summary>What standard output is: a terminal that can be drawn on, or a file or pipe that gets plain
/// lines.</summary>
internal static class Terminal
{
    /// <summary>Whether lines may be drawn over.</summary>
    public static bool IsInteractive { get; } =
        !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb";

    /// <summary>Whether colors may be used: https://no-color.org asks for none where NO_COLOR is set and not
    /// empty.</summary>
    public static bool HasColor { get; } =
        IsInteractive && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));

    /// <summary>A console for tables and bars. Made only where one is shown, for loading it takes a while.</summary>
    public static IAnsiConsole Open() => AnsiConsole.Create(new AnsiConsoleSettings
    {
        Ansi = IsInteractive ? AnsiSupport.Detect : AnsiSupport.No,
        ColorSystem = HasColor ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
        Interactive = IsInteractive ? InteractionSupport.Detect : InteractionSupport.No,
    });

    /// <summary>Lets output that cannot be written be lost, which is said once: work of hours does not end because its terminal is
    /// gone, or the disk of its log is full.</summary>
    public static void OutliveOutput()
    {
        Console.SetError(new ForgivingWriter(Console.Error, _ => { }));
        Console.SetOut(new ForgivingWriter(
            Console.Out, fault => WriteError($"warning: output cannot be written: {fault.Message.TrimEnd('.')}. Training goes on.")));
    }

    /// <summary>A line of a heading: what, and its value.</summary>
    public static void WriteField(string name, string value) => Console.WriteLine($"{name,-8} {value}");

    /// <summary>A line on standard error: what went wrong.</summary>
    public static void WriteError(string message) =>
        Console.Error.WriteLine($"cudabn: {message.ReplaceLineEndings(" ")}");
}
