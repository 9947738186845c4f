using System.Runtime.InteropServices;
using System.Security.Cryptography;
using CudaBn.Backends.Cpu;
using CudaBn.Tests.Core;
using NUnit.Framework;

namespace CudaBn.Tests.Initializers;

[TestFixtureSource(typeof(Devices), nameof(Devices.All))]
public class InitializerTests(Device device)
{
    private const int Count = 100_000;

    private static readonly Fan _fan = new(In: 50, Out: 200);

    private static IEnumerable<TestCaseData> Normals() =>
    [
        new TestCaseData(Initializer.Normal(), 0.0, 1.0) { TestName = "Normal()" },
        new TestCaseData(Initializer.Normal(3, 0.25), 3.0, 0.25) { TestName = "Normal(3, 0.25)" },
        new TestCaseData(Initializer.KaimingNormal(), 0.0, Math.Sqrt(2.0 / 50)) { TestName = "KaimingNormal" },
        new TestCaseData(Initializer.KaimingNormal(FanMode.Out), 0.0, Math.Sqrt(2.0 / 200)) { TestName = "KaimingNormal, out" },
        new TestCaseData(Initializer.XavierNormal(), 0.0, Math.Sqrt(2.0 / 250)) { TestName = "XavierNormal" },
    ];

    private static IEnumerable<TestCaseData> Uniforms() =>
    [
        new TestCaseData(Initializer.Uniform(-1, 3), -1.0, 3.0) { TestName = "Uniform(-1, 3)" },
        Symmetric(Initializer.FanInUniform, 1 / Math.Sqrt(50), "FanInUniform"),
        Symmetric(Initializer.KaimingUniform(), Math.Sqrt(3) * Math.Sqrt(2.0 / 50), "KaimingUniform"),
        Symmetric(Initializer.XavierUniform(), Math.Sqrt(3) * Math.Sqrt(2.0 / 250), "XavierUniform"),
    ];

    private static TestCaseData Symmetric(Initializer initializer, double bound, string name) =>
        new(initializer, -bound, bound) { TestName = name };

    [TestCaseSource(nameof(Normals))]
    public void Fill_Normal_HasTheMomentsOfTheDistribution(Initializer initializer, double mean, double std)
    {
        var standard = Fill<double>(initializer).Select(v => (v - mean) / std).ToArray();
        // Five standard errors of each moment.
        var error = 5 / Math.Sqrt(Count);
        Assert.That(standard.Average(), Is.EqualTo(0).Within(error));
        Assert.That(standard.Average(v => v * v), Is.EqualTo(1).Within(error * Math.Sqrt(2)));
        Assert.That(standard.Average(v => v * v * v), Is.EqualTo(0).Within(error * Math.Sqrt(15)));
        Assert.That(standard.Average(v => v * v * v * v), Is.EqualTo(3).Within(error * Math.Sqrt(96)));
        Assert.That(Correlation(standard), Is.EqualTo(0).Within(error));
    }

    [TestCaseSource(nameof(Uniforms))]
    public void Fill_Uniform_FillsItsBounds(Initializer initializer, double low, double high)
    {
        var unit = Fill<double>(initializer).Select(v => (v - low) / (high - low)).ToArray();
        var error = 5 / Math.Sqrt(Count);
        Assert.That(unit.Min(), Is.InRange(-1e-15, 1e-3));
        Assert.That(unit.Max(), Is.InRange(1 - 1e-3, 1 + 1e-15));
        Assert.That(unit.Average(), Is.EqualTo(0.5).Within(error * Math.Sqrt(1.0 / 12)));
        Assert.That(unit.Average(v => (v - 0.5) * (v - 0.5)), Is.EqualTo(1.0 / 12).Within(error * Math.Sqrt(1.0 / 180)));
        Assert.That(Correlation(unit.Select(v => (v - 0.5) * Math.Sqrt(12)).ToArray()), Is.EqualTo(0).Within(error));
    }

    [Test]
    public void Fill_Degenerate_IsOneValue()
    {
        Assert.That(Fill<float>(Initializer.Constant(-2.5)), Is.All.EqualTo(-2.5f));
        Assert.That(Fill<double>(Initializer.Normal(7, 0)), Is.All.EqualTo(7));
        Assert.That(Fill<float>(Initializer.Uniform(3, 3)), Is.All.EqualTo(3));
    }

    [Test]
    public void Fill_Float32_IsFloat64Rounded()
    {
        foreach (var initializer in new[] { Initializer.Normal(0.1, 0.3), Initializer.KaimingUniform() })
        {
            var expected = Fill<double>(initializer).Select(v => (float)v);
            Assert.That(Fill<float>(initializer).SequenceEqual(expected), Is.True);
        }
    }

    [Test]
    public void Fill_AnyNumberOfThreadsAndAnyRegisters_GivesTheSameBits()
    {
        foreach (var initializer in new[] { Initializer.Normal(), Initializer.XavierUniform() })
        {
            var expected = Fill<double>(initializer);
            foreach (var width in Enum.GetValues<SimdWidth>().Where(width => width <= SimdWidths.Widest))
            {
                foreach (var threads in new[] { 1, 2, 3, 8 })
                {
                    using var backend = new CpuBackend(threads, width);
                    Assert.That(
                        Fill<double>(initializer, on: backend.Device).SequenceEqual(expected), Is.True,
                        $"{width}, {threads} threads");
                }
            }
        }
    }

    [Test]
    public void Fill_LongerTensor_StartsWithTheShorter()
    {
        using var tensor = new Tensor([777], DType.Float64, device);
        Initializer.Normal().Fill(tensor, _fan, seed: 3, stream: 4);
        Assert.That(tensor.ToArray<double>(), Is.EqualTo(Fill<double>(Initializer.Normal())[..777]));
    }

    [Test]
    public void Fill_OtherSeedOrStream_IsUncorrelated()
    {
        var first = Fill<double>(Initializer.Normal());
        Assert.That(Fill<double>(Initializer.Normal()), Is.EqualTo(first));
        foreach (var other in new[]
        {
            Fill<double>(Initializer.Normal(), seed: 4), Fill<double>(Initializer.Normal(), stream: 5),
            Fill<double>(Initializer.Normal(), seed: 3UL << 32),
        })
            Assert.That(first.Zip(other, (a, b) => a * b).Average(), Is.EqualTo(0).Within(5 / Math.Sqrt(Count)));
    }

    /// <summary>Pinned: saved seeds must give the same model in every release and on every processor.</summary>
    [Test]
    public void Fill_ThousandNormals_AreTheseBits()
    {
        using var tensor = new Tensor([1000], DType.Float64, device);
        Initializer.Normal().Fill(tensor, _fan, seed: 1, stream: 0);
        var bytes = MemoryMarshal.AsBytes<double>(tensor.ToArray<double>());
        Assert.That(
            Convert.ToHexStringLower(SHA256.HashData(bytes)),
            Is.EqualTo("c21fb1b41edae04dac67aa37ebddd99e36c346bd982845f67c38ec311fe4449b"));
    }

    [Test]
    public void Fill_ThousandNormals_AreTheQuantilesOfTheGenerator()
    {
        var values = Fill<double>(Initializer.Normal(0.5, 2));
        for (var i = 0; i < 1000; i++)
            Assert.That(values[i], Is.EqualTo(0.5 + 2 * NormalQuantile.Of(Philox.Uniform(3, 4, (ulong)i))));
    }

    [TestCase(double.NaN)]
    [TestCase(double.PositiveInfinity)]
    [TestCase(double.NegativeInfinity)]
    public void Create_NotFinite_NamesTheValue(double value)
    {
        ErrorAssert.Throws<ArgumentException>(() => Initializer.Constant(value), $"constant {value}");
        ErrorAssert.Throws<ArgumentException>(() => Initializer.Normal(mean: value), $"mean {value}");
        ErrorAssert.Throws<ArgumentException>(() => Initializer.Normal(std: value), $"standard deviation {value}");
        ErrorAssert.Throws<ArgumentException>(() => Initializer.Uniform(value, 1), $"lower bound {value}");
        ErrorAssert.Throws<ArgumentException>(() => Initializer.Uniform(0, value), $"upper bound {value}");
    }

    [Test]
    public void Create_OutsideItsRange_NamesTheValue()
    {
        ErrorAssert.Throws<ArgumentException>(() => Initializer.Normal(0, -0.5), "-0.5");
        ErrorAssert.Throws<ArgumentException>(() => Initializer.Uniform(2, 1.5), "1.5", "2");
    }

    [Test]
    public void Layers_TakeTheFansOfTheirWeights()
    {
        // Bounds of PyTorch's default: 1 / sqrt(inputs summed into an output), for weight and bias.
        using var conv = new Conv2d(3, 500, (2, 4));
        using var grouped = new Conv2d(6, 900, (2, 4), groups: 3);
        using var volume = new Conv3d(2, 500, (2, 3, 1));
        using var linear = new Linear(16, 700);
        foreach (var (layer, bound) in new (Layer, double)[]
            { (conv, 1 / Math.Sqrt(24)), (grouped, 0.25), (volume, 1 / Math.Sqrt(12)), (linear, 0.25) })
        {
            layer.Initialize(device, DType.Float64, seed: 1);
            foreach (var parameter in layer.Parameters)
                Assert.That(
                    parameter.Value.ToArray<double>().Max(Math.Abs), Is.InRange(0.98 * bound, bound), parameter.Name);
        }

        using var xavier = new Conv2d(3, 500, (2, 4), weightInitializer: Initializer.XavierUniform());
        xavier.Initialize(device, DType.Float64, seed: 1);
        var expected = Math.Sqrt(6.0 / (24 + 4000));
        Assert.That(
            xavier.Weight!.Value.ToArray<double>().Max(Math.Abs), Is.InRange(0.999 * expected, expected));

        // The fan-out counts the output channels of all groups, as PyTorch does.
        using var depthwise = new Conv2d(300, 600, (2, 4), groups: 300, weightInitializer: Initializer.XavierUniform());
        depthwise.Initialize(device, DType.Float64, seed: 1);
        expected = Math.Sqrt(6.0 / (8 + 4800));
        Assert.That(
            depthwise.Weight!.Value.ToArray<double>().Max(Math.Abs), Is.InRange(0.998 * expected, expected));
    }

    private static double Correlation(double[] standard) =>
        standard.Zip(standard.Skip(1), (a, b) => a * b).Average();

    private T[] Fill<T>(Initializer initializer, ulong seed = 3, uint stream = 4, Device? on = null)
        where T : unmanaged
    {
        using var tensor = new Tensor([Count], DTypes.Of<T>(), on ?? device);
        initializer.Fill(tensor, _fan, seed, stream);
        return tensor.ToArray<T>();
    }
}
