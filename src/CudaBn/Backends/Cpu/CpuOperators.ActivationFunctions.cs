using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace CudaBn.Backends.Cpu;

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    // Beyond it either way, every function here is its limit; and its cube is still a number.
    private const double Saturated = 1e10;

    private static TVector Constant(double value) => TSimd.Create(T.CreateTruncating(value));

    /// <summary>-|x|; NaN stays NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector NegativeMagnitude(TVector x) =>
        TSimd.Select(TSimd.GreaterThan(x, TSimd.Zero), TSimd.Subtract(TSimd.Zero, x), x);

    /// <summary>x, but not below -<see cref="Saturated"/>: what is multiplied by an underflown 0 must not be
    /// infinite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector BoundedBelow(TVector x) => TSimd.Greater(Constant(-Saturated), x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Bounded(TVector x)
    {
        var bound = Constant(Saturated);
        return TSimd.Select(TSimd.GreaterThan(x, bound), bound, BoundedBelow(x));
    }

    /// <summary>A polynomial, the constant term first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Polynomial(TVector x, ReadOnlySpan<T> coefficients)
    {
        var sum = TSimd.Create(coefficients[^1]);
        for (var i = coefficients.Length - 2; i >= 0; i--)
            sum = TSimd.MultiplyAdd(sum, x, TSimd.Create(coefficients[i]));
        return sum;
    }

    /// <summary>Those of the two that are of this element type.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ReadOnlySpan<T> OfElementType(ReadOnlySpan<float> single, ReadOnlySpan<double> wide) =>
        typeof(T) == typeof(float) ? MemoryMarshal.Cast<float, T>(single) : MemoryMarshal.Cast<double, T>(wide);

    /// <summary>The logistic function, and its derivative.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (TVector Value, TVector Slope) Logistic(TVector x)
    {
        var one = Constant(1);
        var e = TSimd.ExpOfNegative(NegativeMagnitude(x));
        var sum = TSimd.Add(one, e);
        var value = TSimd.Divide(TSimd.Select(TSimd.GreaterThan(x, TSimd.Zero), one, e), sum);
        return (value, TSimd.Divide(e, TSimd.Multiply(sum, sum)));
    }

    /// <summary>The distribution function of the normal distribution, and exp(-x^2 / 2).</summary>
    /// <remarks>Phi(-a) = exp(-a^2 / 2) * P((a - k) / (a + k)) / (1 + 0.8a) for a >= 0: the map takes all of them to [-1, 1),
    /// where one polynomial does, and is flat where a is near 0. The idea is that of Shepherd and Laframboise, "Chebyshev
    /// approximation of (1 + 2x) exp(x^2) erfc x in 0 &lt;= x &lt; infinity", Mathematics of Computation 36, 1981. The
    /// polynomials are Chebyshev series, off by less than 1e-8 (float) and 1e-17 (double) of the function.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (TVector Value, TVector Exponential) NormalDistribution(TVector x)
    {
        var one = Constant(1);
        var center = Constant(typeof(T) == typeof(float) ? 4 : 6);
        var a = TSimd.Subtract(TSimd.Zero, NegativeMagnitude(x));
        var exponential = TSimd.ExpOfNegative(TSimd.Multiply(Constant(-0.5), TSimd.Multiply(a, a)));
        var mapped = TSimd.Divide(TSimd.Subtract(a, center), TSimd.Add(a, center));
        var factor = Polynomial(mapped, OfElementType(SingleTail, DoubleTail));
        var tail = TSimd.Divide(TSimd.Multiply(exponential, factor), TSimd.MultiplyAdd(Constant(0.8), a, one));
        var value = TSimd.Select(TSimd.GreaterThan(x, TSimd.Zero), TSimd.Subtract(one, tail), tail);
        return (value, exponential);
    }

    private static ReadOnlySpan<float> SingleTail =>
    [
        0.396524691f, -0.11144232f, 0.0360757629f, 0.00853864598f, -0.0195877429f, 0.0126517959f,
        -0.00388965409f, -0.000105460156f, 0.0004965686f, -7.63778649e-05f, -4.27156447e-05f, 1.06291332e-05f,
    ];

    private static ReadOnlySpan<double> DoubleTail =>
    [
        0.3757200230817917, -0.092659636536020426, 0.053015438340037774, -0.019879917383509454,
        -0.0015485833387879988, 0.011063065684985232, -0.012015647580821199, 0.0088282041387883915,
        -0.0049642699291945922, 0.0021458339702222265, -0.00065912118424431537, 9.8066618152606595e-05,
        2.6134229365341272e-05, -1.9985702869860068e-05, 3.6247254586747012e-06, 1.2838454305271833e-06,
        -7.7579467968484056e-07, 1.2266213617336571e-08, 9.9640124259290428e-08, -1.7586583467414191e-08,
        -1.1036020160077566e-08, 3.11885573281615e-09, 1.0776879434306583e-09, -2.7309206460595244e-10,
        -7.014469914181865e-11,
    ];

    /// <summary>(tanh(x) / x - 1) / x^2 by x^2, for |x| below <see cref="TanhFunction.Near"/>.</summary>
    private static ReadOnlySpan<float> SingleTanh =>
        [-0.333333291f, 0.133327823f, -0.0538524975f, 0.0210036412f, -0.00610494801f];

    private static ReadOnlySpan<double> DoubleTanh =>
    [
        -0.3333333333333332, 0.13333333333326852, -0.053968253961558417, 0.021869488265869361, -0.0088632299189272991,
        0.0035920598156011876, -0.0014553141592259951, 0.00058745474636126224, -0.00023081406852181892,
        7.9645129009901002e-05, -1.7268164417323396e-05,
    ];

    /// <summary>A function of one number and its derivative, for a register of them.</summary>
    private interface IActivationFunction
    {
        TVector Of(TVector x);

        TVector Derivative(TVector x);
    }

    private readonly struct LeakyReLUFunction(T negativeSlope) : IActivationFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Of(TVector x) => TSimd.Select(
            TSimd.NotLessOrEqual(x, TSimd.Zero), x, TSimd.Multiply(x, TSimd.Create(negativeSlope)));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Derivative(TVector x) =>
            TSimd.Select(TSimd.NotLessOrEqual(x, TSimd.Zero), Constant(1), TSimd.Create(negativeSlope));
    }

    private readonly struct GeluFunction : IActivationFunction
    {
        private const double DensityAtZero = 0.39894228040143267794;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Of(TVector x) => TSimd.Multiply(BoundedBelow(x), NormalDistribution(Bounded(x)).Value);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Derivative(TVector x)
        {
            x = Bounded(x);
            var (value, exponential) = NormalDistribution(x);
            return TSimd.MultiplyAdd(TSimd.Multiply(x, Constant(DensityAtZero)), exponential, value);
        }
    }

    private readonly struct GeluTanhFunction : IActivationFunction
    {
        // 2 * sqrt(2 / pi).
        private const double Steepness = 1.59576912160573071176;
        private const double Cubic = 0.044715;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Of(TVector x) => TSimd.Multiply(BoundedBelow(x), Logistic(Argument(x)).Value);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Derivative(TVector x)
        {
            x = Bounded(x);
            var (value, slope) = Logistic(Argument(x));
            var inner = TSimd.MultiplyAdd(
                Constant(3 * Cubic * Steepness), TSimd.Multiply(x, x), Constant(Steepness));
            return TSimd.MultiplyAdd(TSimd.Multiply(x, inner), slope, value);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static TVector Argument(TVector x) => TSimd.Multiply(
            x, TSimd.MultiplyAdd(Constant(Cubic * Steepness), TSimd.Multiply(x, x), Constant(Steepness)));
    }

    private readonly struct SiluFunction : IActivationFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Of(TVector x) => TSimd.Multiply(BoundedBelow(x), Logistic(x).Value);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Derivative(TVector x)
        {
            x = Bounded(x);
            var (value, slope) = Logistic(x);
            return TSimd.MultiplyAdd(x, slope, value);
        }
    }

    private readonly struct SigmoidFunction : IActivationFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Of(TVector x) => Logistic(x).Value;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Derivative(TVector x) => Logistic(x).Slope;
    }

    private readonly struct TanhFunction : IActivationFunction
    {
        /// <summary>Nearer to 0, 1 - exp(-2|x|) would lose digits.</summary>
        public const double Near = 0.625;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Of(TVector x)
        {
            var one = Constant(1);
            var square = TSimd.Multiply(x, x);
            var series = Polynomial(square, OfElementType(SingleTanh, DoubleTanh));
            var near = TSimd.Multiply(x, TSimd.MultiplyAdd(square, series, one));

            var below = NegativeMagnitude(x);
            var e = TSimd.ExpOfNegative(TSimd.Add(below, below));
            var magnitude = TSimd.Subtract(one, TSimd.Divide(TSimd.Add(e, e), TSimd.Add(one, e)));
            var far = TSimd.Select(
                TSimd.GreaterThan(x, TSimd.Zero), magnitude, TSimd.Subtract(TSimd.Zero, magnitude));
            return TSimd.Select(TSimd.GreaterThan(below, Constant(-Near)), near, far);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Derivative(TVector x)
        {
            // Four times the derivative of the logistic function at 2x.
            return TSimd.Multiply(Constant(4), Logistic(TSimd.Add(x, x)).Slope);
        }
    }
}
