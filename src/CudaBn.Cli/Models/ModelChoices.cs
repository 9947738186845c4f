namespace CudaBn.Cli;

/// <summary>What the command knows of each network: how it is called, which images it takes, how it is made and
/// trained.</summary>
internal static class ModelChoices
{
    /// <summary>Images of at least so many pixels a side are taken for photographs, which ResNet-18 first makes smaller.</summary>
    private const int Photograph = 96;

    /// <summary>What the network is called in outputs.</summary>
    public static string Title(this ModelChoice model) => model switch
    {
        ModelChoice.Notebook => "seed network",
        ModelChoice.Resnet20 => "ResNet-20",
        ModelChoice.Resnet18 => "ResNet-18",
        _ => throw Unknown(model),
    };

    /// <summary>How the network is trained where nothing else is asked for.</summary>
    public static Recipe Recipe(this ModelChoice model) => model switch
    {
        ModelChoice.Notebook => new(
            BatchSize: 256, SeedNetwork.LearningRate, Momentum: 0, WeightDecay: 0, ScheduleChoice.Constant),
        ModelChoice.Resnet20 or ModelChoice.Resnet18 => new(
            BatchSize: 128, LearningRate: 0.1, Momentum: 0.9, WeightDecay: 1e-4, ScheduleChoice.OneCycle),
        _ => throw Unknown(model),
    };

    /// <summary>Makes the network for images of a shape that it takes, not initialized.</summary>
    /// <param name="model">Which.</param>
    /// <param name="shape">The images.</param>
    /// <param name="notebookInitialization">Whether the first weights of the notebook's network are the notebook's; else each
    /// layer's own.</param>
    /// <exception cref="UsageException">The network does not take such images.</exception>
    public static Sequential Create(this ModelChoice model, ImageShape shape, bool notebookInitialization = true)
    {
        model.RequireFit(shape);
        return model switch
        {
            ModelChoice.Notebook => SeedNetwork.Create(notebookInitialization),
            ModelChoice.Resnet20 => ResNet20.Create(shape.Channels, shape.Classes),
            ModelChoice.Resnet18 => ResNet18.Create(
                shape.Channels, shape.Classes, smallImages: Math.Min(shape.Height, shape.Width) < Photograph),
            _ => throw Unknown(model),
        };
    }

    /// <summary>Refuses images that the network does not take. Residual networks take any.</summary>
    /// <exception cref="UsageException">It does not.</exception>
    public static void RequireFit(this ModelChoice model, ImageShape shape)
    {
        if (model == ModelChoice.Notebook && shape != ImageShape.OfNotebook)
            throw new UsageException(
                $"--model {Choices.Word(model)}: expected {ImageShape.OfNotebook}, got {shape}; resnet20 and resnet18 take them.");
    }

    private static ArgumentOutOfRangeException Unknown(ModelChoice model) =>
        new(nameof(model), model, "There is no such network.");
}
