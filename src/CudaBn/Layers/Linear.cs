using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>Dense layer: y = x * transpose(weight) + bias.</summary>
/// <remarks>Input [N, inFeatures], output [N, outFeatures], weight [outFeatures, inFeatures], bias [outFeatures]: the
/// layout of PyTorch.</remarks>
public sealed class Linear : Layer, IAffineLayer
{
    private readonly Initializer _weightInitializer;
    private readonly Initializer _biasInitializer;

    /// <summary>Describes the layer; <see cref="Layer.Initialize(Device, DType, ulong)"/> makes its parameters.</summary>
    /// <param name="inFeatures">Features of the input.</param>
    /// <param name="outFeatures">Features of the output.</param>
    /// <param name="bias">Whether a bias is added.</param>
    /// <param name="weightInitializer">First values of the weight; PyTorch's when null: uniform in
    /// ±1 / sqrt(inFeatures).</param>
    /// <param name="biasInitializer">First values of the bias; likewise.</param>
    /// <exception cref="ArgumentException">A size is not positive.</exception>
    public Linear(
        int inFeatures,
        int outFeatures,
        bool bias = true,
        Initializer? weightInitializer = null,
        Initializer? biasInitializer = null)
    {
        if (inFeatures <= 0 || outFeatures <= 0)
            throw new ArgumentException(
                $"Linear: the features must be positive, not {inFeatures} in and {outFeatures} out.");
        InFeatures = inFeatures;
        OutFeatures = outFeatures;
        HasBias = bias;
        _weightInitializer = weightInitializer ?? Initializer.FanInUniform;
        _biasInitializer = biasInitializer ?? Initializer.FanInUniform;
    }

    /// <summary>Features of the input.</summary>
    public int InFeatures { get; }

    /// <summary>Features of the output.</summary>
    public int OutFeatures { get; }

    /// <summary>Whether there is a bias.</summary>
    public bool HasBias { get; }

    /// <summary>[outFeatures, inFeatures]; null before the layer is initialized.</summary>
    public Parameter? Weight { get; private set; }

    /// <summary>[outFeatures]; null before the layer is initialized, or without bias.</summary>
    public Parameter? Bias { get; private set; }

    /// <inheritdoc/>
    protected internal override string Kind => "fc";

    int IAffineLayer.Outputs => OutFeatures;

    internal override Layer Copy() => Copy(HasBias);

    Layer IAffineLayer.Copy(bool bias) => Copy(bias);

    private Linear Copy(bool bias) => new(InFeatures, OutFeatures, bias, _weightInitializer, _biasInitializer)
    {
        IsTraining = IsTraining,
    };

    private protected override void InitializeCore(ulong seed, ref uint stream)
    {
        var fan = new Fan(InFeatures, OutFeatures);
        Weight = AddParameter("weight", [OutFeatures, InFeatures], _weightInitializer, fan, seed, ref stream);
        if (HasBias)
            Bias = AddParameter("bias", [OutFeatures], _biasInitializer, fan, seed, ref stream);
    }

    private protected override Shape OutputShape(Shape input)
    {
        if (input.Rank != 2 || input[1] != InFeatures)
            throw new ArgumentException($"{Label} takes [N, {InFeatures}]; its input is {input}.");
        return [input[0], OutFeatures];
    }

    private protected override Tensor ForwardCore(Tensor input)
    {
        var output = OutputFor(input);
        Backend.LinearForward(new LinearForwardArgs(Geometry(input), input, Weight!.Value, Bias?.Value, output));
        return output;
    }

    private protected override Tensor? BackwardCore(
        Tensor input, Tensor output, Tensor gradOutput, bool needsInputGradient)
    {
        var gradInput = GradInputFor(input, needsInputGradient);
        Backend.LinearBackward(new LinearBackwardArgs(
            Geometry(input), input, Weight!.Value, gradOutput, gradInput, Weight.RequiredGradient,
            Bias?.RequiredGradient));
        return gradInput;
    }

    private LinearGeometry Geometry(Tensor input) => new(input.Shape[0], InFeatures, OutFeatures);
}
