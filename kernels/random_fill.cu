#include "common.cuh"
#include "philox.cuh"

// Compiled without fused multiply-add, and from + - * / and sqrt alone, all of which IEEE 754 rounds alike everywhere: the
// numbers are those of the CPU, bit for bit.

// In the open interval (0, 1): 52 random bits, centred.
__device__ inline double uniform_of(unsigned long long bits)
{
    return ((double)(bits >> 12) + 0.5) * (1.0 / 4503599627370496.0);
}

// The natural logarithm of a normal positive number: the exponent's share, and the series of
// 2 * artanh((m - 1) / (m + 1)) for the mantissa m in [sqrt(1/2), sqrt(2)).
__device__ inline double log_of(double x)
{
    const long long bits = __double_as_longlong(x);
    int exponent = (int)((bits >> 52) & 0x7FF) - 1022;
    double mantissa = __longlong_as_double((bits & 0x000FFFFFFFFFFFFFll) | 0x3FE0000000000000ll);
    if (mantissa < 0.70710678118654752440)
    {
        mantissa *= 2;
        exponent--;
    }

    const double s = (mantissa - 1) / (mantissa + 1);
    const double s2 = s * s;
    double series = 0;
    for (int k = 21; k >= 1; k -= 2)
        series = series * s2 + 1.0 / k;
    return exponent * 0.693147180559945309417232 + 2 * s * series;
}

// The inverse of the normal distribution function: Wichura, "Algorithm AS 241: the percentage points of the normal
// distribution", 1988 (PPND16).
__device__ inline double normal_quantile(double p)
{
    const double q = p - 0.5;
    if (fabs(q) <= 0.425)
    {
        const double r = 0.180625 - q * q;
        return q
            * (((((((2.5090809287301226727e3 * r + 3.3430575583588128105e4) * r + 6.7265770927008700853e4) * r
                + 4.5921953931549871457e4) * r + 1.3731693765509461125e4) * r + 1.9715909503065514427e3) * r
                + 1.3314166789178437745e2) * r + 3.3871328727963666080)
            / (((((((5.2264952788528545610e3 * r + 2.8729085735721942674e4) * r + 3.9307895800092710610e4) * r
                + 2.1213794301586595867e4) * r + 5.3941960214247511077e3) * r + 6.8718700749205790830e2) * r
                + 4.2313330701600911252e1) * r + 1);
    }

    const double tail = sqrt(-log_of(q < 0 ? p : 1 - p));
    double value;
    if (tail <= 5)
    {
        const double r = tail - 1.6;
        value = (((((((7.74545014278341407640e-4 * r + 2.27238449892691845833e-2) * r
                + 2.41780725177450611770e-1) * r + 1.27045825245236838258) * r + 3.64784832476320460504) * r
                + 5.76949722146069140550) * r + 4.63033784615654529590) * r + 1.42343711074968357734)
            / (((((((1.05075007164441684324e-9 * r + 5.47593808499534494600e-4) * r
                + 1.51986665636164571966e-2) * r + 1.48103976427480074590e-1) * r
                + 6.89767334985100004550e-1) * r + 1.67638483018380384940) * r + 2.05319162663775882187) * r + 1);
    }
    else
    {
        const double r = tail - 5;
        value = (((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r
                + 1.24266094738807843860e-3) * r + 2.65321895265761230930e-2) * r
                + 2.96560571828504891230e-1) * r + 1.78482653991729133580) * r + 5.46378491116411436990) * r
                + 6.65790464350110377720)
            / (((((((2.04426310338993978564e-15 * r + 1.42151175831644588870e-7) * r
                + 1.84631831751005468180e-5) * r + 7.86869131145613259100e-4) * r
                + 1.48753612908506148525e-2) * r + 1.36929880922735805310e-1) * r
                + 5.99832206555887937690e-1) * r + 1);
    }

    return q < 0 ? -value : value;
}

template <typename Distribution>
__device__ void fill_random(
    unsigned long long seed, unsigned stream, int64 elements, real* y, Distribution value_of)
{
    for (int64 block = global_thread(); 2 * block < elements; block += global_threads())
    {
        const RandomBits bits = philox(seed, stream, (unsigned long long)block);
        y[2 * block] = (real)value_of(uniform_of(bits.even));
        if (2 * block + 1 < elements)
            y[2 * block + 1] = (real)value_of(uniform_of(bits.odd));
    }
}

// fill_uniform: any block and grid size of one dimension.
// Writes y, uniform in [low, high): element i depends on seed, stream and i alone. In double, whatever the element type, so
// that a float tensor is a double one rounded.
extern "C" __global__ void fill_uniform(
    unsigned long long seed, unsigned stream, double low, double high, int64 elements, real* __restrict__ y)
{
    fill_random(seed, stream, elements, y, [=](double uniform) { return low + (high - low) * uniform; });
}

// fill_normal: as fill_uniform, for the normal distribution.
extern "C" __global__ void fill_normal(
    unsigned long long seed, unsigned stream, double mean, double std, int64 elements, real* __restrict__ y)
{
    fill_random(seed, stream, elements, y, [=](double uniform) { return mean + std * normal_quantile(uniform); });
}
