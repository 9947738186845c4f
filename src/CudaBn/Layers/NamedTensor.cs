namespace CudaBn;

/// <summary>A tensor of a model under the name by which it is saved, such as <c>conv1.weight</c>.</summary>
/// <param name="Name">The names of the layers and of the tensor, joined by dots.</param>
/// <param name="Tensor">The tensor.</param>
public readonly record struct NamedTensor(string Name, Tensor Tensor);
