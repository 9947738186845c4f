using System.CommandLine;

namespace CudaBn.Cli;

/// <summary>The options that say which images: those of <c>cudabn train</c> with their defaults, those of <c>cudabn eval</c>
/// without, for there the run has been told.</summary>
internal sealed class DataOptions
{
    private readonly Option<string?> _set;
    private readonly Option<string?> _folder = Options.Data();
    private readonly Option<Size2d?> _imageSize = Options.ImageSize();
    private readonly Option<string?> _color;
    private readonly Option<int?> _limit = Options.Limit();

    /// <param name="haveDefaults">Whether what is not given has a default.</param>
    public DataOptions(bool haveDefaults)
    {
        _set = Options.Choice<DataSetChoice>(
            "--data-set", "Which images: Fashion-MNIST, CIFAR-10, or a folder with train and test (or val), in each a folder "
            + "of PNG or JPEG files for every class", haveDefaults ? DataSetChoice.FashionMnist : null);
        _color = Options.Choice<ImageColor>(
            "--color", "What images of a folder are read as", haveDefaults ? ImageColor.Rgb : null);
    }

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_set, _folder, _imageSize, _color, _limit])
            command.Add(option);
    }

    /// <summary>What was asked for.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="usual">What holds where nothing was asked for; null for the defaults.</param>
    /// <exception cref="UsageException">Options do not fit together.</exception>
    public DataSettings Read(ParseResult parsed, DataSettings? usual = null)
    {
        var set = Choices.Of<DataSetChoice>(parsed.GetValue(_set)) ?? usual?.Set ?? DataSetChoice.FashionMnist;
        var folder = parsed.GetValue(_folder);
        if (folder is not null && string.IsNullOrWhiteSpace(folder))
            throw new UsageException("--data: expected a folder, got a blank.");
        // Of another data set, nothing of the usual one holds.
        var start = usual?.Set == set ? usual : new DataSettings(set, null, null, ImageColor.Rgb, null);
        var settings = new DataSettings(
            set, folder ?? start.Folder, parsed.GetValue(_imageSize) ?? start.ImageSize,
            Choices.Of<ImageColor>(parsed.GetValue(_color)) ?? start.Color, parsed.GetValue(_limit));
        if (set == DataSetChoice.Folder)
            return settings.Folder is null
                ? throw new UsageException("--data-set folder: expected --data with the folder that holds train and test.")
                : settings;
        foreach (var option in (Option[])[_imageSize, _color])
        {
            if (parsed.GetResult(option) is { Implicit: false })
                throw new UsageException($"{option.Name}: expected --data-set folder with it, got {Choices.Word(set)}.");
        }

        return settings;
    }
}
