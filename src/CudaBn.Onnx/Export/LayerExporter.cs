using CudaBn.Onnx.Format;

namespace CudaBn.Onnx.Export;

/// <summary>Writes layers, and the layers inside them, as nodes that do what they do in evaluation.</summary>
internal sealed class LayerExporter(GraphBuilder builder)
{
    /// <summary>Adds the nodes of a layer.</summary>
    /// <param name="layer">Which.</param>
    /// <param name="path">Its name with those of the containers around it, joined by dots.</param>
    /// <param name="input">The value it is fed with.</param>
    /// <param name="shape">The shape of that value.</param>
    /// <returns>Its output, and the shape of that.</returns>
    /// <exception cref="ArgumentException">The layer does not take such an input, or has no counterpart.</exception>
    public (string Value, Shape Shape) Export(Layer layer, string path, string input, Shape shape) => layer switch
    {
        Sequential sequential => Export(sequential, path, input, shape),
        Residual residual => Export(residual, path, input, shape),
        _ => ExportOne(layer, path, input, shape),
    };

    private (string Value, Shape Shape) Export(Sequential sequential, string path, string input, Shape shape)
    {
        foreach (var layer in sequential.Layers)
            (input, shape) = Export(layer, PathOf(layer, path), input, shape);
        return (input, shape);
    }

    private (string Value, Shape Shape) Export(Residual residual, string path, string input, Shape shape)
    {
        var main = residual.Layers[0];
        var (value, sum) = Export(main, PathOf(main, path), input, shape);
        var (addend, other) = residual.Layers is [_, var shortcut]
            ? Export(shortcut, PathOf(shortcut, path), input, shape)
            : (input, shape);
        if (other != sum)
            throw new ArgumentException(
                $"{residual.Label} adds two tensors of one shape; of its input {shape}, main makes {sum} and the shortcut "
                + $"{other}.");
        return (builder.Add("Add", path, [value, addend]), sum);
    }

    private (string Value, Shape Shape) ExportOne(Layer layer, string path, string input, Shape shape)
    {
        var output = layer.CachedOutputShape(shape);
        var value = layer switch
        {
            Conv conv => ConvNodes.Add(builder, conv, path, input),
            BatchNorm batchNorm => BatchNormNodes.Add(builder, batchNorm, path, input, shape),
            MaxPool pool => PoolNodes.Add(builder, pool, path, input, shape, output),
            AvgPool pool => PoolNodes.Add(builder, pool, path, input, shape, output),
            AdaptiveAvgPool => AdaptiveAvgPoolNodes.Add(builder, path, input, shape, output),
            GlobalAvgPool => builder.Add("GlobalAveragePool", path, [input]),
            Linear linear => Export(linear, path, input),
            Flatten => builder.Add("Flatten", path, [input], AttributeProto.Of("axis", 1)),
            Dropout dropout => Export(dropout, path, input),
            ReLU => builder.Add("Relu", path, [input]),
            LeakyReLU leaky => Export(leaky, path, input),
            GELU gelu => builder.Add(
                "Gelu", path, [input], AttributeProto.Of("approximate", gelu.IsTanhApproximation ? "tanh" : "none")),
            SiLU => builder.Add("Mul", path, [input, builder.Add("Sigmoid", $"{path}/Sigmoid", [input])]),
            Sigmoid => builder.Add("Sigmoid", path, [input]),
            Tanh => builder.Add("Tanh", path, [input]),
            _ => throw new ArgumentException($"{layer.Label} has no counterpart in ONNX."),
        };
        return (value, output);
    }

    private string Export(Linear linear, string path, string input)
    {
        string[] inputs = linear.Bias is { } bias
            ? [input, Add(linear.Weight!), Add(bias)]
            : [input, Add(linear.Weight!)];
        return builder.Add("Gemm", path, inputs, AttributeProto.Of("transB", 1));
    }

    // In inference, which is the operator's default, it hands on its input; trained further, it needs the probability.
    private string Export(Dropout dropout, string path, string input)
    {
        if (!OnnxNumber.IsKept(dropout.P))
            builder.Options.Set(path, "p", dropout.P);
        return builder.Add("Dropout", path, [input, builder.AddConstant($"{path}/ratio", [dropout.P])]);
    }

    private string Export(LeakyReLU leaky, string path, string input)
    {
        if (!OnnxNumber.IsKept(leaky.NegativeSlope))
            builder.Options.Set(path, "negative_slope", leaky.NegativeSlope);
        return builder.Add("LeakyRelu", path, [input], AttributeProto.Of("alpha", (float)leaky.NegativeSlope));
    }

    private string Add(Parameter parameter) => builder.AddWeight(parameter.Name, parameter.Value);

    // As the names of its tensors begin.
    private static string PathOf(Layer layer, string container) =>
        layer.PrefixWithin(container.Length == 0 ? "" : $"{container}.").TrimEnd('.');
}
