using System.Collections.Immutable;
using CudaBn.Serialization;

namespace CudaBn;

/// <summary>Saves everything that training depends on, so that it can go on later, even in the middle of an epoch, as if it had
/// never ended: with the same bits on the same device.</summary>
/// <remarks>A checkpoint is one safetensors file. Its tensors:
/// <list type="table">
/// <listheader><term>name</term><description>what it holds</description></listheader>
/// <item><term><c>model.NAME</c></term><description>the parameters and running statistics of the model with their counters,
/// under the names of <see cref="Layer.State"/></description></item>
/// <item><term><c>optimizer.NAME</c></term><description>the state of the optimizer, under the names of
/// <see cref="Optimizer.State"/></description></item>
/// <item><term><c>random.LAYER.step</c></term><description>Int64 []: the forward passes in training of a
/// <see cref="Dropout"/>, which select its masks</description></item>
/// <item><term><c>loss.totals</c></term><description>Float64 [2]: sum of the losses, and images classified rightly, of the epoch
/// under way</description></item>
/// <item><term><c>flags.requires_gradient</c></term><description>UInt8 [parameters]: 0 for frozen ones, in the order of
/// <see cref="Layer.Parameters"/></description></item>
/// <item><term><c>flags.frozen_statistics</c>, <c>flags.fuses_layers</c></term><description>UInt8: 1 for each
/// <see cref="BatchNorm"/> with running statistics whose statistics are frozen, and for each <see cref="Container"/> that fuses
/// its layers, in the order of the model</description></item>
/// <item><term><c>flags.updated</c></term><description>UInt8 [parameters]: 1 for those that the optimizer has updated, in the
/// order of its groups</description></item>
/// <item><term><c>sha256</c></term><description>UInt8 [32]: the hash of all of this, by which damage is found</description></item>
/// </list>
/// The texts in its header:
/// <list type="table">
/// <listheader><term>key</term><description>what it says</description></listheader>
/// <item><term><c>checkpoint.version</c></term><description>1</description></item>
/// <item><term><c>checkpoint.steps_done</c>, <c>checkpoint.epochs_done</c></term><description>of the trainer: where its schedule
/// is</description></item>
/// <item><term><c>checkpoint.learning_rate</c></term><description>the optimizer's</description></item>
/// <item><term><c>checkpoint.epoch_under_way</c>, <c>checkpoint.epoch_seconds</c></term><description>whether (1 or 0)
/// <see cref="Trainer.Fit"/> is in the middle of an epoch, and how long that has taken</description></item>
/// <item><term><c>checkpoint.data.next_epoch</c>, <c>checkpoint.data.epoch</c>, <c>checkpoint.data.batches_made</c></term>
/// <description>the loader's <see cref="DataLoader.NextEpoch"/>, the epoch under way or "none", and how many of its batches were
/// made: with the seed, they give the order of the images and how they are augmented</description></item>
/// <item><term><c>checkpoint.data.*</c>, <c>checkpoint.optimizer</c>, <c>checkpoint.optimizer.*</c>,
/// <c>checkpoint.loss.*</c>, <c>checkpoint.schedule</c>, <c>checkpoint.schedule.next_rate</c>,
/// <c>checkpoint.random.*</c></term><description>what the training was set up with (size, SHA-256 and seed of the data, batch
/// size, constants of the optimizer and so on), and must be set up with again</description></item>
/// </list>
/// Other keys are the caller's. Not kept, and not compared, are the layers' own settings, such as strides, a momentum of batch
/// normalization or the shape of a schedule beyond its next rate: the same program has to build the model.</remarks>
public static class Checkpoint
{
    /// <summary>Writes a checkpoint, after waiting for the device. The file appears whole or not at all.</summary>
    /// <param name="trainer">The training, between two steps: its model, loss, optimizer and schedule are saved with
    /// it.</param>
    /// <param name="train">The batches that it trains on.</param>
    /// <param name="path">The file; its folder must exist. An older file of that name is replaced.</param>
    /// <param name="metadata">Free-form texts kept in the file, such as the metrics so far; null for none. Keys must not start
    /// with <c>checkpoint.</c>; the library's version is added.</param>
    /// <exception cref="ArgumentException">The optimizer updates what is no parameter of the model, or a key is the checkpoint's
    /// own.</exception>
    /// <exception cref="NonFiniteException">Something in the training is NaN or infinite: an older file stays as it is.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Save(
        Trainer trainer, DataLoader train, string path, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(path);
        RequireParametersOfModel(trainer);
        trainer.ThrowIfNonFinite();
        CheckpointFile.Write(path, trainer, train, metadata ?? ImmutableDictionary<string, string>.Empty);
    }

    /// <summary>Puts a training where a checkpoint was saved. <see cref="Trainer.Fit"/> then goes on, in the middle of an epoch
    /// if need be; so does a loop of one's own over <see cref="DataLoader.Remaining"/>. Nothing changes unless all of it
    /// can.</summary>
    /// <param name="trainer">A trainer set up like the one that was saved: the same model, loss, optimizer and schedule. Their
    /// state is overwritten.</param>
    /// <param name="train">A loader set up like the one that was saved, of the same images.</param>
    /// <param name="path">The file.</param>
    /// <param name="keepsLearningRate">Whether training goes on at the learning rate that the trainer's schedule, or without one
    /// its optimizer, has, whatever that of the checkpoint was: with a lower one, say, after a loss that was not
    /// finite.</param>
    /// <returns>The free-form texts kept in the file.</returns>
    /// <exception cref="InvalidDataException">The file is damaged, or is of another training: the message lists everything that
    /// is missing, unexpected or different.</exception>
    /// <exception cref="ArgumentException">The optimizer updates what is no parameter of the model.</exception>
    /// <exception cref="IOException">The file does not exist or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read, or is a folder.</exception>
    public static IReadOnlyDictionary<string, string> Load(
        Trainer trainer, DataLoader train, string path, bool keepsLearningRate = false)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(path);
        return Apply(CheckpointFile.Read(path), trainer, train, keepsLearningRate);
    }

    internal static IReadOnlyDictionary<string, string> Apply(
        CheckpointFile file, Trainer trainer, DataLoader train, bool keepsLearningRate)
    {
        RequireParametersOfModel(trainer);
        file.ApplyTo(trainer, train, keepsLearningRate);
        return file.CallersTexts;
    }

    private static void RequireParametersOfModel(Trainer trainer)
    {
        var known = trainer.Model.Parameters.ToHashSet();
        var strange = trainer.Optimizer.ParameterGroups.SelectMany(group => group.Parameters)
            .FirstOrDefault(parameter => !known.Contains(parameter));
        if (strange is not null)
            throw new ArgumentException(
                $"Checkpoint: the optimizer updates '{strange.Name}', which is no parameter of the trainer's model.");
    }
}
