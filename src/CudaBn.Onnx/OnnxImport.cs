using System.Runtime.InteropServices;
using CudaBn.Onnx.Format;
using CudaBn.Onnx.Import;

namespace CudaBn.Onnx;

/// <summary>Reads an ONNX file as a model of layers, for inference and for fine-tuning.</summary>
/// <remarks>Takes files of opsets 7 to 22 in Float32 or Float64 with one input and one output whose graph is a chain of
/// operators and residual blocks: Conv, with an Add of a number per channel, BatchNormalization, Gemm, MatMul with Add, Relu,
/// LeakyRelu, Sigmoid, Tanh, Gelu, also written out with Erf or Tanh, x * sigmoid(x), MaxPool, AveragePool, a
/// Pad of zeros in front of Conv or AveragePool, GlobalAveragePool, ReduceMean over space, Flatten, Reshape and Squeeze to
/// [N, rest], also to a shape that Shape, Gather, Slice and Concat compute, Dropout, Identity, and the addition of two branches;
/// Sub and Div by a number per channel in front of a network; Transpose of weights; Transpose and MatMul as
/// <see cref="OnnxExport"/> writes them. Whatever else a file holds is named and refused.
/// <para>Layers are named after their weights, so that <c>layer1.0.conv1.weight</c> is found again where a
/// <see cref="Residual"/> allows it: it puts main or shortcut in between. A file of <see cref="OnnxExport"/> gives the layers
/// and the state it was written from. What a file does not say is PyTorch's: batch normalization then stores the unbiased
/// variance.</para></remarks>
public static class OnnxImport
{
    /// <summary>Weights that several nodes share become as many copies: so many times the file, no more.</summary>
    private const int MostBytesPerFileByte = 16;

    /// <summary>Reads a model.</summary>
    /// <param name="path">The file.</param>
    /// <param name="device">Where the model shall live; the CPU when null.</param>
    /// <param name="inputShape">The shape of an input, [N, ...], for a file that leaves sizes besides N open; null for the
    /// file's own.</param>
    /// <returns>The model, initialized with the weights of the file, in evaluation. The caller disposes it.</returns>
    /// <exception cref="InvalidDataException">The file is broken, or not of the kind above: the message names the file, and
    /// the offset, the node and what is wrong there; all operators that are not supported at once. Or it leaves sizes open, and
    /// no <paramref name="inputShape"/> says them.</exception>
    /// <exception cref="ArgumentException"><paramref name="inputShape"/> contradicts the file.</exception>
    /// <exception cref="IOException">The file does not exist or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read, or is a folder.</exception>
    public static Sequential Load(string path, Device? device = null, Shape? inputShape = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        var bytes = ReadFile(path);
        var graph = ModelGraph.Of(MessageReader.Read(path, bytes, ModelProto.Read), path);
        var shape = graph.InputShape(inputShape);
        var items = GraphStructure.Of(graph);
        var pieces = new ChainTranslator(graph).Translate(items, ref shape);
        var weights = LayerTree.LayersOf(pieces).SelectMany(piece => piece.Weights);
        if (weights.Sum(weight => (long)weight.Elements.Length) > (long)MostBytesPerFileByte * bytes.Length)
            throw new InvalidDataException(
                $"{path}: byte 0: expected at most {MostBytesPerFileByte} times the file's {bytes.Length} bytes of weights that nodes "
                + "share, found more.");

        var model = LayerTree.Build(pieces)
            ?? throw new InvalidDataException($"{path}: byte 0: expected at least one node that is a layer, found none.");
        try
        {
            model.Initialize(device ?? Device.Cpu, graph.DType);
            foreach (var piece in LayerTree.LayersOf(pieces))
                Fill(piece);
            model.IsTraining = false;
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    private static byte[] ReadFile(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        if (stream.Length > Array.MaxLength)
            throw new InvalidDataException(
                $"{path}: byte 0: expected a file of at most {Array.MaxLength} bytes, found {stream.Length}.");
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static void Fill(ImportedLayer piece)
    {
        var state = piece.Layer.State;
        foreach (var (name, elements) in piece.Weights)
        {
            var tensor = state.Single(
                entry => entry.Name == name || entry.Name.EndsWith($".{name}", StringComparison.Ordinal)).Tensor;
            if (tensor.DType == DType.Float32)
                tensor.CopyFrom(MemoryMarshal.Cast<byte, float>(elements.Span));
            else if (tensor.DType == DType.Float64)
                tensor.CopyFrom(MemoryMarshal.Cast<byte, double>(elements.Span));
            else
                tensor.CopyFrom(MemoryMarshal.Cast<byte, long>(elements.Span));
        }
    }
}
