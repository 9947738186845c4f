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
        Description = "Folder of the data set; no other place is searched",
        HelpName = "FOLDER",
    };

    /// <summary>An option that takes one of some words.</summary>
    /// <param name="name">The option.</param>
    /// <param name="description">What it is for.</param>
    /// <param name="initial">Its value where it is not given; null for none.</param>
    /// <param name="words">The words.</param>
    public static Option<string?> Choice(string name, string description, string? initial, params string[] words)
    {
        var option = new Option<string?>(name) { Description = description, HelpName = string.Join('|', words) };
        if (initial is not null)
            option.DefaultValueFactory = _ => initial;
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { } value && !words.Contains(value))
                result.AddError($"{name} {value}: expected {Choices.List(words)}.");
        });
        return option;
    }

    /// <summary>An option that takes a word for a member of an enumeration.</summary>
    public static Option<string?> Choice<T>(string name, string description, T? initial)
        where T : struct, Enum =>
        Choice(name, description, initial is { } value ? Choices.Word(value) : null, [.. Choices.Words<T>()]);

    public static Option<Size2d?> ImageSize() => new("--image-size")
    {
        Description = "Size that images of a folder are scaled to cover, and cropped to at their middle "
            + "[default: as they are, all of one size]",
        CustomParser = result =>
        {
            var text = result.Tokens[^1].Value;
            if (ParseSize(text) is { } size)
                return size;
            result.AddError($"--image-size {text}: expected HEIGHTxWIDTH or one number for both, each from 1 to 4096.");
            return null;
        },
        HelpName = "N|HxW",
    };

    /// <summary>A size of images as it is typed; null where it is none.</summary>
    public static Size2d? ParseSize(string? text)
    {
        const int greatest = 4096;
        var sides = text?.Split('x') ?? [];
        var sizes = sides.Select(side =>
            int.TryParse(side, NumberStyles.None, CultureInfo.InvariantCulture, out var size) && size is >= 1 and <= greatest
                ? size
                : 0).ToArray();
        return sizes switch
        {
            [> 0 and var both] => both,
            [> 0 and var height, > 0 and var width] => (height, width),
            _ => null,
        };
    }

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

    public static Option<double?> NotNegative(string name, string description, string helpName) => new(name)
    {
        Description = description,
        CustomParser = result => Parse<double>(
            result, value => value >= 0 && double.IsFinite(value), "a finite number of at least 0"),
        HelpName = helpName,
    };

    public static Option<double?> Momentum() => new("--momentum")
    {
        Description = "Momentum of SGD [default: 0, residual networks 0.9]",
        CustomParser = result => Parse<double>(result, value => value is >= 0 and < 1, "a number from 0 to below 1"),
        HelpName = "WEIGHT",
    };

    public static Option<int?> WholeOrNone(string name, string description, int greatest) => new(name)
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
