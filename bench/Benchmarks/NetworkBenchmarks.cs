namespace CudaBn.Bench;

/// <summary>Benchmarks of the seed network on random images: the time of a step does not depend on what is on them.</summary>
public abstract class NetworkBenchmarks : OperatorBenchmarks<NetworkShape>
{
    /// <inheritdoc/>
    /// <remarks>All images, and what one batch of them needs.</remarks>
    public override long BytesNeeded(string benchmark) =>
        Shape.Images * 28L * 28 + (Shape with { Images = Shape.Batch }).Train.Bytes;

    protected Sequential InitializedModel()
    {
        // The initialization for layers of any depth: with the notebook's, a fresh network's logits are all but equal.
        var model = Own(SeedNetwork.Create(notebookInitialization: false));
        model.Initialize(Device, seed: 1);
        return model;
    }

    protected DataLoader RandomImages(bool shuffle)
    {
        var random = new Random(1);
        var images = new byte[Shape.Images * 28 * 28];
        random.NextBytes(images);
        var labels = new byte[Shape.Images];
        for (var i = 0; i < labels.Length; i++)
            labels[i] = (byte)random.Next(FashionMnist.ClassNames.Count);
        var data = new ImageDataset("random images", 1, 28, 28, images, labels, FashionMnist.ClassNames);
        return Own(new DataLoader(data, Shape.Batch, Device, shuffle: shuffle, seed: 1));
    }
}
