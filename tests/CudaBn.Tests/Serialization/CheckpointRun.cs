using System.Runtime.InteropServices;

namespace CudaBn.Tests.Serialization;

/// <summary>A training in the tests of checkpoints.</summary>
internal sealed class CheckpointRun : IDisposable
{
    public CheckpointRun(CheckpointSetup setup, Device? device = null, DType dtype = DType.Float32)
    {
        device ??= Device.Cpu;
        Model = setup.Model();
        Model.Initialize(device, dtype, setup.ModelSeed);
        Loss = new SoftmaxCrossEntropy(labelSmoothing: setup.LabelSmoothing);
        Optimizer = setup.Optimizer(Model);
        Trainer = new Trainer(Model, Loss, Optimizer, setup.Schedule, setup.Interval);
        Train = new DataLoader(
            setup.Images, setup.BatchSize, device, dtype, setup.Shuffle, setup.DataSeed, setup.DropLast,
            augmentation: setup.Augmentation, normalization: setup.Normalization);
        Test = new DataLoader(setup.TestImages, 5, device, dtype, normalization: setup.Normalization);
    }

    public Sequential Model { get; }

    public SoftmaxCrossEntropy Loss { get; }

    public Optimizer Optimizer { get; }

    public Trainer Trainer { get; }

    public DataLoader Train { get; }

    public DataLoader Test { get; }

    /// <summary>Trains until so many epochs are done.</summary>
    public EpochMetrics[] FitUpTo(int epochs, Action? afterEveryStep = null) =>
    [
        .. Trainer.Fit(
            Train, Test, epochs - Trainer.EpochsDone,
            checkpoints: afterEveryStep is null ? null : new CheckpointInterval(1, afterEveryStep)),
    ];

    public void Save(string path, IReadOnlyDictionary<string, string>? metadata = null) =>
        Checkpoint.Save(Trainer, Train, path, metadata);

    public IReadOnlyDictionary<string, string> Load(string path, bool keepsLearningRate = false) =>
        Checkpoint.Load(Trainer, Train, path, keepsLearningRate);

    /// <summary>Every bit that further training depends on.</summary>
    public byte[] State() =>
    [
        .. Model.State.Concat(Model.RandomState).Concat(Optimizer.State).SelectMany(named => Bytes(named.Tensor)),
        .. BitConverter.GetBytes(Optimizer.LearningRate),
        .. BitConverter.GetBytes(Trainer.StepsDone),
        .. BitConverter.GetBytes(Trainer.EpochsDone),
        .. BitConverter.GetBytes(Trainer.StepsInEpoch),
        .. BitConverter.GetBytes(Train.NextEpoch),
        .. BitConverter.GetBytes(Train.BatchesMade),
    ];

    public void Dispose()
    {
        Trainer.Dispose();
        Model.Dispose();
        Loss.Dispose();
        Optimizer.Dispose();
        Train.Dispose();
        Test.Dispose();
    }

    private static byte[] Bytes(Tensor tensor) => tensor.DType switch
    {
        DType.Float32 => MemoryMarshal.AsBytes<float>(tensor.ToArray<float>()).ToArray(),
        DType.Float64 => MemoryMarshal.AsBytes<double>(tensor.ToArray<double>()).ToArray(),
        _ => MemoryMarshal.AsBytes<long>(tensor.ToArray<long>()).ToArray(),
    };
}
