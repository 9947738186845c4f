using System.Reflection;
using CudaBn.Onnx.Export;
using CudaBn.Onnx.Format;
using CudaBn.Serialization;

namespace CudaBn.Onnx;

/// <summary>Writes a model as an ONNX file, which ONNX Runtime, OpenVINO, TensorRT and others run.</summary>
/// <remarks>What is written is the model in evaluation, whatever its mode is: running statistics normalize and dropout does
/// nothing. The file takes any number of images; their sizes are those of the shape it was written for. Operators are
/// those of opset 20 (IR version 9), the first that knows GELU; ONNX 1.15 and ONNX Runtime 1.17 and later read it. Weights
/// carry their names in <see cref="Layer.State"/>, which are PyTorch's, and nodes the names of their layers. Where ONNX and
/// its runtimes disagree about rounding up the size of a pooling, the padding says it instead.</remarks>
public static class OnnxExport
{
    /// <summary>The set of operators that files are written in.</summary>
    public const int OperatorSet = 20;

    private const int IrVersion = 9;
    internal const string Producer = "CudaBn";
    private const string BatchName = "batch";

    /// <summary>Writes a model. The file appears whole or not at all.</summary>
    /// <param name="model">An initialized model, Float32 or Float64: the file's element type is the model's.</param>
    /// <param name="path">The file; its folder must exist. An older file of that name is replaced.</param>
    /// <param name="inputShape">The shape of an input, [N, ...]. The file takes any N.</param>
    /// <param name="options">Names, normalization and class names; the defaults when null.</param>
    /// <returns>What the file takes and gives.</returns>
    /// <exception cref="ArgumentException">The model does not take such an input; a layer has no counterpart in ONNX, which
    /// is so for batch normalization without running statistics; or the file would exceed the 2^31 - 1 bytes of its
    /// format.</exception>
    /// <exception cref="InvalidOperationException">The model is not initialized.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static OnnxSignature Save(Layer model, string path, Shape inputShape, OnnxExportOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        var (file, signature) = Describe(model, inputShape, options ?? new OnnxExportOptions());
        Write(file, path, model.Label);
        return signature;
    }

    /// <summary>Writes the file, whole or not at all.</summary>
    internal static void Write(ModelProto file, string path, string label)
    {
        var size = MessageWriter.SizeOf(file);
        if (size > int.MaxValue)
            throw new ArgumentException($"{label} makes an ONNX file of {size} bytes; the format ends at {int.MaxValue}.");
        AtomicFile.Write(path, stream => MessageWriter.Write(file, stream));
    }

    /// <summary>The content of the file, and what it takes and gives.</summary>
    internal static (ModelProto File, OnnxSignature Signature) Describe(
        Layer model, Shape inputShape, OnnxExportOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (!model.IsInitialized)
            throw new InvalidOperationException($"{model.Label} is not initialized: call Initialize with a device first.");
        if (inputShape.Rank == 0)
            throw new ArgumentException($"An input is [N, ...]; {inputShape} has no N.", nameof(inputShape));
        // Whatever N is: a layer that needs to know it has no place in the file.
        Shape input = [1, .. inputShape.Sizes[1..]];
        var builder = new GraphBuilder(model.DType);
        builder.Reserve(options.InputName);
        var exporter = new LayerExporter(builder);
        var first = options.Normalization is { } normalization
            ? NormalizationNodes.Add(builder, normalization, options.InputName, input)
            : options.InputName;
        var (_, output) = exporter.Export(model, model.Name, first, input);
        builder.NameLastOutput(options.OutputName);

        var graph = builder.Graph;
        graph.Name = options.GraphName;
        graph.Inputs.Add(ValueInfoProto.Of(options.InputName, builder.ElementType, Dimensions(input)));
        graph.Outputs.Add(ValueInfoProto.Of(options.OutputName, builder.ElementType, Dimensions(output)));
        var file = new ModelProto
        {
            IrVersion = IrVersion,
            ProducerName = Producer,
            ProducerVersion = Version,
            Graph = graph,
        };
        file.OperatorSets.Add(new OperatorSetIdProto("", OperatorSet));
        file.Metadata.AddRange(options.Entries());
        file.Metadata.AddRange(builder.Options.Entries);
        return (file, new OnnxSignature(
            options.InputName, Open(input), options.OutputName, Open(output), model.DType, OperatorSet));
    }

    private static string Version => typeof(OnnxExport).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    private static IEnumerable<DimensionProto> Dimensions(Shape shape) => shape.Sizes.ToArray().Select(
        (size, axis) => axis == 0 ? new DimensionProto(null, BatchName) : new DimensionProto(size));

    private static int?[] Open(Shape shape) =>
        [null, .. shape.Sizes[1..].ToArray().Select(size => (int?)size)];
}
