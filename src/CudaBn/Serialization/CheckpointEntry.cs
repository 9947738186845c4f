using System.Collections.Immutable;

namespace CudaBn.Serialization;

/// <summary>A tensor of a checkpoint, and where it belongs.</summary>
/// <param name="Name">Its name in the file.</param>
/// <param name="DType">Its element type in the spelling of safetensors.</param>
/// <param name="Shape">Its sizes.</param>
/// <param name="Read">Takes its bytes from where they are used.</param>
/// <param name="Write">Puts such bytes back.</param>
internal sealed record CheckpointEntry(
    string Name, string DType, ImmutableArray<long> Shape, Func<byte[]> Read, Action<byte[]> Write)
{
    /// <summary>What the names of the model's tensors start with.</summary>
    public const string ModelPrefix = "model.";

    /// <summary>Everything that training changes on its device, and how layers and parameters are switched.</summary>
    public static List<CheckpointEntry> Of(Trainer trainer)
    {
        var (model, optimizer) = (trainer.Model, trainer.Optimizer);
        var layers = model.SelfAndInnerLayers().ToArray();
        return
        [
            .. OfTensors(ModelPrefix, model.State),
            .. OfTensors("random.", model.RandomState),
            .. OfTensors("optimizer.", optimizer.State),
            OfTensor("loss.totals", trainer.Loss.TotalsOn(model.Device)),
            .. OfFlags(
                "flags.requires_gradient", model.Parameters,
                parameter => parameter.RequiresGradient, (parameter, flag) => parameter.RequiresGradient = flag),
            .. OfFlags(
                "flags.frozen_statistics", [.. layers.OfType<BatchNorm>().Where(norm => norm.TracksRunningStatistics)],
                norm => norm.FreezeStatistics, (norm, flag) => norm.FreezeStatistics = flag),
            // A container hands this down to those inside, which come after it.
            .. OfFlags(
                "flags.fuses_layers", [.. layers.OfType<Container>()],
                container => container.FusesLayers, (container, flag) => container.FusesLayers = flag),
            new CheckpointEntry(
                "flags.updated", "U8", [optimizer.HasStepped.Count],
                () => [.. optimizer.HasStepped.Select(ToByte)],
                bytes => optimizer.HasStepped = Array.ConvertAll(bytes, value => value != 0)),
        ];
    }

    private static IEnumerable<CheckpointEntry> OfTensors(string prefix, IEnumerable<NamedTensor> tensors) =>
        tensors.Select(named => OfTensor(prefix + named.Name, named.Tensor));

    private static CheckpointEntry OfTensor(string name, Tensor tensor) => new(
        name, SavedState.FileType(tensor.DType), SavedState.FileShape(tensor),
        () => SavedState.ReadTensor(tensor), bytes => SavedState.WriteTensor(bytes, tensor));

    // One switch per object; nothing where there are no objects.
    private static IEnumerable<CheckpointEntry> OfFlags<T>(
        string name, IReadOnlyList<T> objects, Func<T, bool> read, Action<T, bool> write)
    {
        if (objects.Count == 0)
            yield break;
        yield return new CheckpointEntry(name, "U8", [objects.Count], () => [.. objects.Select(read).Select(ToByte)], bytes =>
        {
            for (var i = 0; i < bytes.Length; i++)
                write(objects[i], bytes[i] != 0);
        });
    }

    private static byte ToByte(bool flag) => flag ? (byte)1 : (byte)0;
}
