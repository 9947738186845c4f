using System.Diagnostics;
using CudaBn;

namespace Consumer;

internal static class Speed
{
    /// <summary>How long a training step of the seed network on 256 images takes: the fastest of ten, after five.</summary>
    public static double MillisecondsPerStep(Device device)
    {
        const int unmeasured = 5, measured = 10, batchSize = 256;
        using var model = SeedNetwork.Create();
        model.Initialize(device, seed: 1);
        var data = DrawnGarments.Create(trainCount: batchSize, testCount: 1);
        using var train = new DataLoader(data.Train, batchSize, device);
        using var loss = new SoftmaxCrossEntropy();
        using var sgd = new Sgd(model.Parameters, SeedNetwork.LearningRate);
        using var trainer = new Trainer(model, loss, sgd);
        var fastest = TimeSpan.MaxValue;
        for (var step = 0; step < unmeasured + measured; step++)
        {
            foreach (var batch in train)
            {
                var start = Stopwatch.GetTimestamp();
                trainer.Step(batch);
                var elapsed = Stopwatch.GetElapsedTime(start);
                if (step >= unmeasured && elapsed < fastest)
                    fastest = elapsed;
            }
        }

        return fastest.TotalMilliseconds;
    }
}
