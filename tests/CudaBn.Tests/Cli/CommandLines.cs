using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.RegularExpressions;
using CudaBn.Cli;

namespace CudaBn.Tests.Cli;

/// <summary>Command lines that texts show, and what the command's own parser says of them.</summary>
internal static partial class CommandLines
{
    private static readonly RootCommand _command = CudabnCommand.Create();

    /// <summary>What is typed after the name of the command in every line of a text, and every span of code, that calls it by
    /// name or through <c>dotnet run</c>, of which a span may leave out all before its --.</summary>
    public static IEnumerable<string> In(string text) => Lines().Matches(text).Concat(Spans().Matches(text))
        .Select(match => match.Groups["arguments"].Value);

    /// <summary>The spans of code that are an option, with or without its value.</summary>
    public static IEnumerable<string> OptionsIn(string text) =>
        OptionSpans().Matches(text).Select(match => match.Groups["option"].Value);

    /// <summary>Why a command line is not taken; empty where it is.</summary>
    public static IEnumerable<string> Faults(string arguments) =>
        _command.Parse(arguments).Errors.Select(error => $"cudabn {arguments}: {error.Message}");

    /// <summary>Why no subcommand takes an option of that name and value; empty where one does.</summary>
    public static IEnumerable<string> FaultsOfOption(string option)
    {
        var name = option.Split(' ')[0];
        var takers = _command.Subcommands.Where(command => command.Options.Any(known => known.Name == name)).ToArray();
        if (takers.Length == 0)
            return [$"{option}: no command has it"];
        var hasValue = option != name;
        return takers.Any(command => !hasValue || IsTaken(command, name, option)) ? [] : [$"{option}: no command takes this value"];
    }

    private static bool IsTaken(Command command, string name, string option)
    {
        var result = _command.Parse($"{command.Name} {option}").GetResult(name);
        return result is OptionResult { Errors: var errors } && !errors.Any();
    }

    // Two spaces part a line from what is said of it.
    [GeneratedRegex(@"^ +(?:cudabn|dotnet run .*CudaBn\.Cli --) (?<arguments>\S+(?: \S+)*)", RegexOptions.Multiline)]
    private static partial Regex Lines();

    [GeneratedRegex("`(?:cudabn|--) (?<arguments>[^`]+)`")]
    private static partial Regex Spans();

    [GeneratedRegex("`(?<option>--[a-z][^`]*)`")]
    private static partial Regex OptionSpans();
}
