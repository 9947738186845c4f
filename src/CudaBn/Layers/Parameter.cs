namespace CudaBn;

/// <summary>A tensor that training changes, and the gradient of the loss by it.</summary>
public sealed class Parameter : IDisposable
{
    internal Parameter(string name, Shape shape, DType dtype, Device device)
    {
        Name = name;
        Value = new Tensor(shape, dtype, device);
        Gradient = Tensor.Zeros(shape, dtype, device);
    }

    /// <summary>The name by which the value is saved, such as <c>conv1.weight</c>.</summary>
    public string Name { get; }

    /// <summary>The value.</summary>
    public Tensor Value { get; }

    /// <summary>The gradient, overwritten by every backward pass while <see cref="RequiresGradient"/>. Of the value's
    /// shape.</summary>
    public Tensor Gradient { get; }

    /// <summary>Whether training changes the value (true, the default). Where not, as in the frozen layers of
    /// fine-tuning, backward passes need not write <see cref="Gradient"/>, and optimizers skip the parameter.</summary>
    public bool RequiresGradient { get; set; } = true;

    /// <summary>Where a backward pass writes the gradient; null where nobody needs it.</summary>
    internal Tensor? RequiredGradient => RequiresGradient ? Gradient : null;

    /// <summary>Releases value and gradient.</summary>
    public void Dispose()
    {
        Value.Dispose();
        Gradient.Dispose();
    }
}
