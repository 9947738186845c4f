using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;

namespace CudaBn.Cli;

/// <summary>The options that several commands share, and how values are read: the same in every language of the
/// user, and refused with the value in the message.</summary>
internal static class Options
{
    public static Option<string> Device() => new("--device")
    {
        Description = "Where to run: auto, cpu, cuda or cuda:N",
        DefaultValueFactory = _ => "auto",
        HelpName = "auto|cpu|cuda[:N]",
    };

    public static Option<int?> Threads() => WholeOrNone(
        "--threads", "Threads of the CPU backend; results do not depend on it [default: all cores]", 1024);

    public static Option<string?> Data() => new("--data")
    {
        Description = "Folder with the four IDX files of Fashion-MNIST, plain or .gz; no other place is searched",
        HelpName = "FOLDER",
    };

    public static Option<int?> Limit() => WholeOrNone(
        "--limit", "Use only the first N training and the first N test images", int.MaxValue);

    public static Option<int> BatchSize() => Whole("--batch-size", "Images per batch", 256);

    public static Option<int> Whole(string name, string description, int initial) => new(name)
    {
        Description = description,
        DefaultValueFactory = _ => initial,
        CustomParser = result => Parse<int>(result, value => value >= 1, "a whole number of at least 1"),
        HelpName = "N",
    };

    public static Option<ulong> Seed() => new("--seed")
    {
        Description = "Which first weights and which order of the images; the same seed gives the same bits",
        DefaultValueFactory = _ => 1,
        CustomParser = result => Parse<ulong>(result, _ => true, "a whole number from 0 to 2^64 - 1"),
        HelpName = "N",
    };

    public static Option<double> LearningRate() => new("--lr")
    {
        Description = "Learning rate of plain SGD on the mean loss of a batch",
        DefaultValueFactory = _ => SeedNetwork.LearningRate,
        CustomParser = result => Parse<double>(
            result, value => value >= 0 && double.IsFinite(value), "a finite number of at least 0"),
        HelpName = "RATE",
    };

    private static Option<int?> WholeOrNone(string name, string description, int greatest) => new(name)
    {
        Description = description,
        CustomParser = result => Parse<int>(
            result,
            value => value >= 1 && value <= greatest,
            greatest == int.MaxValue ? "a whole number of at least 1" : $"a whole number from 1 to {greatest}"),
        HelpName = "N",
    };

    private static T Parse<T>(ArgumentResult result, Func<T, bool> isFit, string expected)
        where T : struct, INumber<T>
    {
        var text = result.Tokens[^1].Value;
        if (T.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && isFit(value))
            return value;

        result.AddError($"{((OptionResult)result.Parent!).IdentifierToken} {text}: expected {expected}.");
        return default;
    }
}
