namespace CudaBn;

/// <summary>The learning rate as a pure function of the number of steps, or of epochs, that were made: training that goes on
/// from a checkpoint needs nothing but that number.</summary>
public sealed class LearningRateSchedule
{
    private readonly Func<long, double> _rate;

    private LearningRateSchedule(Func<long, double> rate) => _rate = rate;

    /// <summary>The learning rate of a step or epoch.</summary>
    /// <param name="number">How many were made before it: 0 for the first.</param>
    /// <returns>The rate.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative.</exception>
    public double At(long number)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(number);
        return _rate(number);
    }

    /// <summary>Any function.</summary>
    /// <param name="rate">The learning rate by the number of steps or epochs made; it must depend on nothing else.</param>
    /// <returns>The schedule.</returns>
    public static LearningRateSchedule From(Func<long, double> rate)
    {
        ArgumentNullException.ThrowIfNull(rate);
        return new LearningRateSchedule(rate);
    }

    /// <summary>Multiplies the rate by a factor at regular distances, as PyTorch's StepLR does: rate * gamma^(number /
    /// size), the quotient being whole.</summary>
    /// <param name="rate">The first learning rate; finite, not negative.</param>
    /// <param name="size">After how many steps or epochs it falls; positive.</param>
    /// <param name="gamma">What it is multiplied by; finite, not negative.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentException">A value is outside its range.</exception>
    public static LearningRateSchedule Step(double rate, long size, double gamma = 0.1)
    {
        RequireNotNegative(rate, "learning rate");
        RequirePositive(size, "step size");
        RequireNotNegative(gamma, "gamma");
        return new LearningRateSchedule(number => rate * Math.Pow(gamma, number / size));
    }

    /// <summary>Falls along half a cosine to a minimum, and stays there: minimum + (rate - minimum) * (1 + cos(pi * number /
    /// total)) / 2, as PyTorch's CosineAnnealingLR does up to its end.</summary>
    /// <param name="rate">The first learning rate; finite, not negative.</param>
    /// <param name="total">After how many steps or epochs it is the minimum; positive.</param>
    /// <param name="minimum">The last learning rate; finite, not negative.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentException">A value is outside its range.</exception>
    /// <remarks>Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017.</remarks>
    public static LearningRateSchedule Cosine(double rate, long total, double minimum = 0)
    {
        RequireNotNegative(rate, "learning rate");
        RequirePositive(total, "total");
        RequireNotNegative(minimum, "minimum");
        return new LearningRateSchedule(
            number => number >= total ? minimum : AlongCosine(rate, minimum, (double)number / total));
    }

    /// <summary>One cycle, as PyTorch's OneCycleLR with its defaults: along half a cosine from maximum / initialDivisor up to
    /// the maximum, and along another down to the first rate / finalDivisor, where it stays.</summary>
    /// <param name="maximum">The greatest learning rate; finite, not negative.</param>
    /// <param name="total">The length of the cycle; positive. Number total - 1 has the last rate.</param>
    /// <param name="riseShare">The share of the cycle in which the rate rises, in [0, 1].</param>
    /// <param name="initialDivisor">The greatest rate over the first; positive and finite.</param>
    /// <param name="finalDivisor">The first rate over the last; positive and finite.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentException">A value is outside its range.</exception>
    /// <remarks>Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates",
    /// 2018.</remarks>
    public static LearningRateSchedule OneCycle(
        double maximum, long total, double riseShare = 0.3, double initialDivisor = 25, double finalDivisor = 1e4)
    {
        RequireNotNegative(maximum, "maximum");
        RequirePositive(total, "total");
        if (!(riseShare is >= 0 and <= 1))
            throw new ArgumentException($"LearningRateSchedule: share of the rise {riseShare} is outside [0, 1].");
        RequireDivisor(initialDivisor, "initial divisor");
        RequireDivisor(finalDivisor, "final divisor");
        var initial = maximum / initialDivisor;
        var last = initial / finalDivisor;
        // Both ends count from 0: PyTorch's first phase ends where number + 1 is the share of the total.
        double peak = riseShare * total - 1, end = total - 1;
        return new LearningRateSchedule(number =>
            number < peak ? AlongCosine(initial, maximum, number / peak)
            : number == peak ? maximum
            : number >= end ? last
            : AlongCosine(maximum, last, (number - peak) / (end - peak)));
    }

    /// <summary>Rises linearly to the first rate of this schedule, which then begins: as PyTorch's LinearLR followed by another
    /// in a SequentialLR.</summary>
    /// <param name="length">How many steps or epochs the rise takes; positive.</param>
    /// <param name="startFactor">The share of the rate to begin with, in [0, 1].</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentException">A value is outside its range.</exception>
    public LearningRateSchedule WithWarmUp(long length, double startFactor = 1.0 / 3)
    {
        RequirePositive(length, "length of the warm-up");
        if (!(startFactor is >= 0 and <= 1))
            throw new ArgumentException($"LearningRateSchedule: start factor {startFactor} is outside [0, 1].");
        var rate = _rate;
        return new LearningRateSchedule(number => number >= length
            ? rate(number - length)
            : rate(0) * (startFactor + (1 - startFactor) * ((double)number / length)));
    }

    // PyTorch's annealing: from start at 0 to end at 1.
    private static double AlongCosine(double start, double end, double share) =>
        end + (start - end) / 2 * (1 + Math.Cos(Math.PI * share));

    private static void RequireNotNegative(double value, string what) =>
        Optimizer.RequireNotNegative(value, nameof(LearningRateSchedule), what);

    private static void RequireDivisor(double value, string what)
    {
        if (!(value > 0) || double.IsInfinity(value))
            throw new ArgumentException($"LearningRateSchedule: {what} {value} must be positive and finite.");
    }

    private static void RequirePositive(long value, string what)
    {
        if (value <= 0)
            throw new ArgumentException($"LearningRateSchedule: {what} {value} must be positive.");
    }
}
