namespace CudaBn.Backends.OpArgs;

/// <summary>Which function an activation applies to every element. Kernels know them by these numbers.</summary>
public enum ActivationKind
{
    /// <summary>x where x > 0, else the negative slope times x.</summary>
    LeakyReLU = 0,

    /// <summary>x * Phi(x), with the distribution function Phi of the normal distribution.</summary>
    Gelu = 1,

    /// <summary>x * sigmoid(2 * sqrt(2 / pi) * (x + 0.044715 * x^3)): the tanh form of the approximation to
    /// <see cref="Gelu"/>.</summary>
    GeluTanh = 2,

    /// <summary>x * sigmoid(x).</summary>
    Silu = 3,

    /// <summary>1 / (1 + exp(-x)).</summary>
    Sigmoid = 4,

    /// <summary>The hyperbolic tangent.</summary>
    Tanh = 5,
}
