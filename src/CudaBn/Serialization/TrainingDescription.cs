using System.Globalization;

namespace CudaBn.Serialization;

/// <summary>What a training was set up with, and must be set up with again to go on from a checkpoint: texts by which two
/// trainings are told apart.</summary>
internal static class TrainingDescription
{
    /// <summary>What the keys of a checkpoint's own texts start with.</summary>
    public const string Prefix = "checkpoint.";

    /// <summary>The kind of the optimizer.</summary>
    public const string Optimizer = Prefix + "optimizer";

    /// <summary>Whether there is a schedule, and what it counts.</summary>
    public const string Schedule = Prefix + "schedule";

    /// <summary>The learning rate that a schedule gives next, which is compared as a number.</summary>
    public const string NextRate = Schedule + ".next_rate";

    /// <summary>The SHA-256 of the images and labels.</summary>
    public const string DataHash = Prefix + "data.sha256";

    public static Dictionary<string, string> Of(Trainer trainer, DataLoader train)
    {
        var texts = new Dictionary<string, string>();
        AddOptimizer(trainer.Optimizer, texts);
        AddLossAndSchedule(trainer, texts);
        foreach (var (name, source) in trainer.Model.SelfAndInnerLayers().OfType<Dropout>().Select(layer => layer.RandomSource))
            texts.Add($"{Prefix}random.{name}", source);
        AddData(train, texts);
        return texts;
    }

    private static void AddOptimizer(Optimizer optimizer, Dictionary<string, string> texts)
    {
        texts.Add(Optimizer, optimizer.Name);
        foreach (var (name, value) in optimizer.Constants)
            texts.Add($"{Optimizer}.{name}", Text(value));
        texts.Add($"{Optimizer}.max_gradient_norm", optimizer.MaxGradientNorm is { } norm ? Text(norm) : "none");
        for (var i = 0; i < optimizer.ParameterGroups.Count; i++)
        {
            var group = optimizer.ParameterGroups[i];
            var decay = group.WeightDecay is { } own ? Text(own) : "the optimizer's";
            texts.Add(
                $"{Optimizer}.group{i}",
                $"learning rate factor {Text(group.LearningRateFactor)}, weight decay {decay}: "
                + string.Join(", ", group.Parameters.Select(parameter => parameter.Name)));
        }
    }

    private static void AddLossAndSchedule(Trainer trainer, Dictionary<string, string> texts)
    {
        texts.Add($"{Prefix}loss.reduction", trainer.Loss.Reduction.ToString());
        texts.Add($"{Prefix}loss.label_smoothing", Text(trainer.Loss.LabelSmoothing));
        texts.Add(Schedule, trainer.Schedule is null ? "none" : $"by {trainer.Interval}");
        if (trainer.Schedule is { } schedule)
            texts.Add(NextRate, Text(schedule.At(trainer.ScheduleNumber)));
    }

    private static void AddData(DataLoader train, Dictionary<string, string> texts)
    {
        var images = train.Dataset;
        texts.Add($"{Prefix}data.images", $"{images.Count} of {images.Channels}x{images.Height}x{images.Width}");
        texts.Add(DataHash, images.Sha256);
        texts.Add($"{Prefix}data.batch_size", Text(train.BatchSize));
        texts.Add($"{Prefix}data.drops_last", Text(train.DropsLast));
        texts.Add($"{Prefix}data.is_shuffled", Text(train.IsShuffled));
        texts.Add($"{Prefix}data.seed", Text(train.Seed));
        texts.Add($"{Prefix}data.divisor", Text(train.Divisor));
        texts.Add($"{Prefix}data.element_type", train.DType.ToString());
        texts.Add($"{Prefix}data.augmentation", train.Augmentation is { } augmentation
            ? $"crop padding {augmentation.CropPadding}, horizontal flip {Text(augmentation.HorizontalFlip)}"
            : "none");
        texts.Add($"{Prefix}data.normalization", train.Normalization is { } normalization
            ? $"means {Texts(normalization.Means)}, standard deviations {Texts(normalization.Stds)}"
            : "none");
    }

    private static string Texts(IEnumerable<double> numbers) => string.Join(' ', numbers.Select(number => Text(number)));

    private static string Text(bool flag) => flag ? "yes" : "no";

    private static string Text(IFormattable number) => number.ToString(null, CultureInfo.InvariantCulture);
}
