using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>The first values of a parameter.</summary>
/// <remarks>Random values come from a counter-based generator (Philox 4x32-10; Salmon et al., "Parallel random numbers:
/// as easy as 1, 2, 3", 2011): element i of a tensor depends on the seed, the tensor's place in the model and i
/// alone, so the values are the same bit for bit on every device and for any number of threads.</remarks>
public abstract class Initializer
{
    /// <summary>PyTorch's choice for convolutions and dense layers: uniform in ±1 / sqrt(fan-in).</summary>
    public static Initializer FanInUniform { get; } = new Uniformly(fan =>
    {
        var bound = 1 / Math.Sqrt(fan.In);
        return (-bound, bound);
    });

    /// <summary>One value everywhere.</summary>
    /// <param name="value">The value; finite.</param>
    /// <returns>The initializer.</returns>
    /// <exception cref="ArgumentException">The value is not finite.</exception>
    public static Initializer Constant(double value)
    {
        RequireFinite(value, "constant");
        return new Constantly(value);
    }

    /// <summary>Normal numbers.</summary>
    /// <param name="mean">Their mean; finite.</param>
    /// <param name="std">Their standard deviation; finite, not negative.</param>
    /// <returns>The initializer.</returns>
    /// <exception cref="ArgumentException">A value is outside its range.</exception>
    public static Initializer Normal(double mean = 0, double std = 1)
    {
        RequireFinite(mean, "mean");
        RequireFinite(std, "standard deviation");
        if (std < 0)
            throw new ArgumentException($"Initializer: standard deviation {std} must not be negative.");
        return new Normally(_ => (mean, std));
    }

    /// <summary>Uniform numbers in [low, high).</summary>
    /// <param name="low">The lower bound; finite.</param>
    /// <param name="high">The upper bound; finite, not below <paramref name="low"/>.</param>
    /// <returns>The initializer.</returns>
    /// <exception cref="ArgumentException">A value is outside its range.</exception>
    public static Initializer Uniform(double low, double high)
    {
        RequireFinite(low, "lower bound");
        RequireFinite(high, "upper bound");
        if (high < low)
            throw new ArgumentException($"Initializer: upper bound {high} is below lower bound {low}.");
        return new Uniformly(_ => (low, high));
    }

    /// <summary>Normal numbers of deviation sqrt(2 / fan), for layers followed by a rectifier.</summary>
    /// <param name="mode">Whether activations, by the fan-in, or gradients, by the fan-out, keep their size from layer to
    /// layer.</param>
    /// <returns>The initializer.</returns>
    /// <remarks>He et al., "Delving Deep into Rectifiers", 2015.</remarks>
    public static Initializer KaimingNormal(FanMode mode = FanMode.In) =>
        new Normally(fan => (0, Math.Sqrt(2.0 / (mode == FanMode.In ? fan.In : fan.Out))));

    /// <summary>Uniform numbers of deviation sqrt(2 / fan-in), for layers followed by a rectifier.</summary>
    /// <returns>The initializer.</returns>
    /// <remarks>He et al., "Delving Deep into Rectifiers", 2015.</remarks>
    public static Initializer KaimingUniform() => new Uniformly(fan =>
    {
        var bound = Math.Sqrt(6.0 / fan.In);
        return (-bound, bound);
    });

    /// <summary>Normal numbers of deviation sqrt(2 / (fan-in + fan-out)).</summary>
    /// <returns>The initializer.</returns>
    /// <remarks>Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    /// 2010.</remarks>
    public static Initializer XavierNormal() => new Normally(fan => (0, Math.Sqrt(2.0 / (fan.In + fan.Out))));

    /// <summary>Uniform numbers of deviation sqrt(2 / (fan-in + fan-out)).</summary>
    /// <returns>The initializer.</returns>
    /// <remarks>Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    /// 2010.</remarks>
    public static Initializer XavierUniform() => new Uniformly(fan =>
    {
        var bound = Math.Sqrt(6.0 / (fan.In + fan.Out));
        return (-bound, bound);
    });

    /// <summary>Writes the first values of a tensor.</summary>
    /// <param name="destination">A Float32 or Float64 tensor.</param>
    /// <param name="fan">What the parameter connects.</param>
    /// <param name="seed">The seed of the model.</param>
    /// <param name="stream">The place of the parameter in the model.</param>
    public abstract void Fill(Tensor destination, Fan fan, ulong seed, uint stream);

    private static void RequireFinite(double value, string what)
    {
        if (!double.IsFinite(value))
            throw new ArgumentException($"Initializer: {what} {value} must be finite.");
    }

    private sealed class Constantly(double value) : Initializer
    {
        public override void Fill(Tensor destination, Fan fan, ulong seed, uint stream) =>
            destination.Device.Backend.Fill(destination, value);
    }

    private sealed class Normally(Func<Fan, (double Mean, double Std)> distribution) : Initializer
    {
        public override void Fill(Tensor destination, Fan fan, ulong seed, uint stream)
        {
            var (mean, std) = distribution(fan);
            destination.Device.Backend.FillNormal(new RandomFillArgs(destination, seed, stream, mean, std));
        }
    }

    private sealed class Uniformly(Func<Fan, (double Low, double High)> distribution) : Initializer
    {
        public override void Fill(Tensor destination, Fan fan, ulong seed, uint stream)
        {
            var (low, high) = distribution(fan);
            destination.Device.Backend.FillUniform(new RandomFillArgs(destination, seed, stream, low, high));
        }
    }
}
