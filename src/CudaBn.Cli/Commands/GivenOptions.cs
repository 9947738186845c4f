using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace CudaBn.Cli;

/// <summary>The options that stand on a command line, apart from those that have their default.</summary>
internal sealed class GivenOptions(ParseResult parsed)
{
    /// <summary>The value of an option.</summary>
    /// <returns>Whether it was given.</returns>
    public bool TryGet(string name, out object? value)
    {
        var isGiven = parsed.GetResult(name) is OptionResult { Implicit: false };
        value = isGiven ? parsed.GetValue<object>(name) : null;
        return isGiven;
    }

    /// <summary>Refuses an option that is given with another value than a run was started with.</summary>
    /// <param name="name">The option.</param>
    /// <param name="expected">The value of the run; null for none, false for a switch that was not given.</param>
    /// <param name="run">The run, for messages.</param>
    /// <exception cref="UsageException">It is.</exception>
    public void RequireAgreement(string name, object? expected, string run)
    {
        if (TryGet(name, out var value) && !Equals(value, expected))
            throw new UsageException(
                $"{InWords(name, value)}: {run} was started "
                + $"{(expected is null or false ? "without it" : $"with {InWords(name, expected)}")}, and goes on so.");
    }

    private static string InWords(string name, object? value) =>
        value is bool ? name : $"{name} {Convert.ToString(value, CultureInfo.InvariantCulture)}";
}
