using System.Runtime.CompilerServices;

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
    private static TVector BoundedBelow(TVector x)
    {
        var bound = Constant(-Saturated);
        return TSimd.Select(TSimd.GreaterThan(bound, x), bound, x);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Bounded(TVector x)
    {
        var bound = Constant(Saturated);
        return TSimd.Select(TSimd.GreaterThan(x, bound), bound, BoundedBelow(x));
    }

    /// <summary>A polynomial, the constant term first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Polynomial(TVector x, ReadOnlySpan<double> coefficients)
    {
        var sum = Constant(coefficients[^1]);
        for (var i = coefficients.Length - 2; i >= 0; i--)
            sum = TSimd.MultiplyAdd(sum, x, Constant(coefficients[i]));
        return sum;
    }

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
    /// <remarks>Phi(-a) = exp(-a^2 / 2) * P((a - k) / (a + k)) / (1 + 2a) for a >= 0: the map takes all of them to [-1, 1),
    /// where one polynomial does. The idea is that of Shepherd and Laframboise, "Chebyshev approximation of
    /// (1 + 2x) exp(x^2) erfc x in 0 &lt;= x &lt; infinity", Mathematics of Computation 36, 1981. The polynomials are
    /// Chebyshev series, off by less than 2e-8 (float) and 2e-17 (double) of the function.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (TVector Value, TVector Exponential) NormalDistribution(TVector x)
    {
        var one = Constant(1);
        var isSingle = typeof(T) == typeof(float);
        var center = Constant(isSingle ? 4 : 6);
        var a = TSimd.Subtract(TSimd.Zero, NegativeMagnitude(x));
        var exponential = TSimd.ExpOfNegative(TSimd.Multiply(Constant(-0.5), TSimd.Multiply(a, a)));
        var mapped = TSimd.Divide(TSimd.Subtract(a, center), TSimd.Add(a, center));
        var factor = isSingle ? Polynomial(mapped, SingleTail) : Polynomial(mapped, DoubleTail);
        var tail = TSimd.Divide(TSimd.Multiply(exponential, factor), TSimd.MultiplyAdd(Constant(2), a, one));
        var value = TSimd.Select(TSimd.GreaterThan(x, TSimd.Zero), TSimd.Subtract(one, tail), tail);
        return (value, exponential);
    }

    private static ReadOnlySpan<double> SingleTail =>
    [
        0.849695763, -0.0230092205, -0.0963793327, 0.128907779, -0.0952682628, 0.0443671963, -0.010478015,
        -0.00122030419, 0.00150708915, -0.000125434783, -0.000134969188, 2.22656142e-05,
    ];

    private static ReadOnlySpan<double> DoubleTail =>
    [
        0.84213108621780908, -0.04685399115452258, -0.026208644325611759, 0.073159266240022489, -0.089106187299122591,
        0.080239473950759102, -0.058520637418817335, 0.035340164243531161, -0.017537566840387153,
        0.0068847631619220672, -0.0019183623725799147, 0.00022660521602503486, 9.6099662622912082e-05,
        -5.8192597995079644e-05, 8.346616469722366e-06, 4.2838666342079107e-06, -2.1105885481018012e-06,
        -6.1447385508639011e-08, 2.867974280232872e-07, -3.7949149037490495e-08, -3.3189383162209463e-08,
        7.5546462604933331e-09, 3.3668290552992351e-09, -6.8305543432420249e-10, -2.2527605975565862e-10,
    ];

    /// <summary>(tanh(x) / x - 1) / x^2 by x^2, for |x| below <see cref="TanhFunction.Near"/>.</summary>
    private static ReadOnlySpan<double> SingleTanh =>
        [-0.333333291, 0.133327823, -0.0538524975, 0.0210036412, -0.00610494801];

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
            var series = typeof(T) == typeof(float) ? Polynomial(square, SingleTanh) : Polynomial(square, DoubleTanh);
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
