using System.Diagnostics;

namespace CudaBn.Cli;

/// <summary>Times the seed network on random images.</summary>
internal sealed class NetworkTimer : IDisposable
{
    /// <summary>Images per step, as the network is trained.</summary>
    public const int BatchSize = 256;

    /// <summary>Images per evaluation.</summary>
    public const int EvaluatedImages = 10_000;

    private const int TrainingBatches = 8;
    private const int WarmUpSteps = 60;

    private readonly TimingPlan _plan;
    private readonly Sequential _model = SeedNetwork.Create();
    private readonly SoftmaxCrossEntropy _loss = new();
    private readonly Sgd _optimizer;
    private readonly Trainer _trainer;
    private readonly DataLoader _train;
    private readonly DataLoader _test;

    public NetworkTimer(Device device, TimingPlan plan)
    {
        _plan = plan;
        _model.Initialize(device, seed: 1);
        _optimizer = new Sgd(_model.Parameters, SeedNetwork.LearningRate);
        _trainer = new Trainer(_model, _loss, _optimizer);
        _train = new DataLoader(RandomImages(TrainingBatches * BatchSize), BatchSize, device, shuffle: true, seed: 1);
        _test = new DataLoader(RandomImages(EvaluatedImages), BatchSize, device);
    }

    /// <summary>Floating-point operations of one step.</summary>
    public long StepWork => NetworkWork.TrainingStep(_model, [BatchSize, 1, GarmentCanvas.Size, GarmentCanvas.Size]);

    /// <summary>The median time of a training step, making its batch included, in milliseconds.</summary>
    public double StepMilliseconds()
    {
        Steps(WarmUpSteps);
        return TimingPlan.Median(Steps(_plan.Steps));
    }

    /// <summary>The median time of an evaluation, in milliseconds.</summary>
    public double EvaluationMilliseconds()
    {
        _trainer.Evaluate(_test);
        var times = new List<double>();
        for (var i = 0; i < _plan.Evaluations; i++)
        {
            var start = Stopwatch.GetTimestamp();
            _trainer.Evaluate(_test);
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        return TimingPlan.Median(times);
    }

    public void Dispose()
    {
        _trainer.Dispose();
        _train.Dispose();
        _test.Dispose();
        _optimizer.Dispose();
        _loss.Dispose();
        _model.Dispose();
    }

    private List<double> Steps(int count)
    {
        var times = new List<double>(count);
        _model.IsTraining = true;
        while (times.Count < count)
        {
            var start = Stopwatch.GetTimestamp();
            foreach (var batch in _train)
            {
                _trainer.Step(batch);
                _model.Device.Backend.Synchronize();
                times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                start = Stopwatch.GetTimestamp();
            }
        }

        return times;
    }

    private static ImageDataset RandomImages(int count)
    {
        var random = new Random(1);
        var images = new byte[count * GarmentCanvas.Size * GarmentCanvas.Size];
        random.NextBytes(images);
        var labels = new byte[count];
        for (var i = 0; i < count; i++)
            labels[i] = (byte)random.Next(FashionMnist.ClassNames.Count);
        return new ImageDataset(
            "random images", 1, GarmentCanvas.Size, GarmentCanvas.Size, images, labels, FashionMnist.ClassNames);
    }
}
