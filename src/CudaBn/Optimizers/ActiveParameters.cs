namespace CudaBn;

/// <summary>Parameters that one call of an operator updates.</summary>
/// <param name="Group">The group they are of.</param>
/// <param name="IsFirstStep">Whether none of them was updated before; else all were.</param>
/// <param name="Parameters">The parameters.</param>
/// <param name="Indices">Their places among all of the optimizer.</param>
/// <param name="State">What the optimizer keeps of them: for each kind of state, a tensor per parameter.</param>
internal sealed record ActiveParameters(
    ParameterGroup Group,
    bool IsFirstStep,
    IReadOnlyList<Parameter> Parameters,
    IReadOnlyList<int> Indices,
    IReadOnlyList<IReadOnlyList<Tensor>> State);
