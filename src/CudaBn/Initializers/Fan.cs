namespace CudaBn;

/// <summary>How many inputs and outputs a weight connects.</summary>
/// <param name="In">Inputs summed into one output: input channels times kernel places.</param>
/// <param name="Out">Outputs that one input takes part in: output channels times kernel places.</param>
public readonly record struct Fan(long In, long Out);
