namespace CudaBn.Onnx.Import;

/// <summary>Nodes that work element by element.</summary>
internal static class ActivationReading
{
    public static ImportedLayer Read(NodeCall call) => call.Operator switch
    {
        "Relu" => call.Layer(() => new ReLU()),
        "LeakyRelu" => ReadLeaky(call),
        "Sigmoid" => call.Layer(() => new Sigmoid()),
        "Tanh" => call.Layer(() => new Tanh()),
        GraphNode.Gelu => ReadGelu(call),
        GraphNode.GeluTanh => call.Layer(() => new GELU(tanhApproximation: true)),
        GraphNode.Swish => call.Layer(() => new SiLU()),
        "Erf" or "Pow" or GraphNode.Square or GraphNode.Cube or GraphNode.TwiceGelu or GraphNode.TwiceGeluTanh =>
            throw call.Fault(
                "all of x * 0.5 * (1 + erf(x / sqrt(2))), or of x * 0.5 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))), "
                + "which are GELU, found a part of it, which is not supported"),
        _ => throw call.Fault("no constant among its inputs here; with one it is not supported"),
    };

    public static ImportedLayer ReadDropout(NodeCall call)
    {
        call.RequireComputedFirst();
        call.Attributes.Ignore("seed");
        var attribute = OnnxNumber.Written(call.Attributes.Float("ratio", 0.5f));
        var p = call.HasConstant(1) ? RatioOf(call) : attribute;
        if (call.HasConstant(2) && call.Constant(2).Integers() is not [0])
            throw call.Fault("training_mode false, found true, which is not supported");
        return call.Layer(() => new Dropout(call.Graph.Options.Number(call.OwnPath, "p") ?? p));
    }

    private static double RatioOf(NodeCall call) => call.Constant(1) switch
    {
        { Count: 1, DataType: Format.TensorDataType.Float } ratio => OnnxNumber.Written((float)ratio.Doubles()[0]),
        { Count: 1, DataType: Format.TensorDataType.Double } ratio => ratio.Doubles()[0],
        _ => throw call.Fault("a ratio that is a number"),
    };

    private static ImportedLayer ReadLeaky(NodeCall call)
    {
        var slope = OnnxNumber.Written(call.Attributes.Float("alpha", 0.01f));
        return call.Layer(() => new LeakyReLU(call.Graph.Options.Number(call.OwnPath, "negative_slope") ?? slope));
    }

    private static ImportedLayer ReadGelu(NodeCall call)
    {
        var approximation = call.Attributes.Text("approximate", "none");
        return approximation is "none" or "tanh"
            ? call.Layer(() => new GELU(tanhApproximation: approximation == "tanh"))
            : throw call.Fault($"approximate none or tanh, found {FileText.Quoted(approximation)}, which is not supported");
    }
}
