namespace CudaBn.Backends.OpArgs;

/// <summary>The sizes of one dense layer.</summary>
/// <param name="Batch">N.</param>
/// <param name="InFeatures">Features of the input.</param>
/// <param name="OutFeatures">Features of the output.</param>
public readonly record struct LinearGeometry(int Batch, int InFeatures, int OutFeatures);
