namespace CudaBn.Cli;

/// <summary>What the command knows of each network: how it is called, which images it takes, how it is made.</summary>
internal static class ModelChoices
{
    /// <summary>What the network is called in outputs.</summary>
    public static string Title(this ModelChoice model) => model switch
    {
        ModelChoice.Notebook => "seed network",
        _ => throw Unknown(model),
    };

    /// <summary>Makes the network for images of a shape that it takes, not initialized.</summary>
    /// <param name="model">Which.</param>
    /// <param name="shape">The images.</param>
    /// <param name="notebookInitialization">Whether the first weights are the notebook's; else each layer's own.</param>
    /// <exception cref="UsageException">The network does not take such images.</exception>
    public static Sequential Create(this ModelChoice model, ImageShape shape, bool notebookInitialization = true)
    {
        model.RequireFit(shape);
        return model switch
        {
            ModelChoice.Notebook => SeedNetwork.Create(notebookInitialization),
            _ => throw Unknown(model),
        };
    }

    /// <summary>Refuses images that the network does not take.</summary>
    /// <exception cref="UsageException">It does not.</exception>
    public static void RequireFit(this ModelChoice model, ImageShape shape)
    {
        var taken = model switch
        {
            ModelChoice.Notebook => new ImageShape(1, 28, 28, 10),
            _ => throw Unknown(model),
        };
        if (shape != taken)
            throw new UsageException($"--model {Choices.Word(model)}: expected {taken}, got {shape}.");
    }

    private static ArgumentOutOfRangeException Unknown(ModelChoice model) =>
        new(nameof(model), model, "There is no such network.");
}
