using CudaBn.Serialization;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Serialization;

/// <summary>A file that safetensors.torch wrote, by PyTorch/make.py: copied to a folder, and its numbers.</summary>
internal sealed class PyTorchFile
{
    // Rounding here may be as bad as PyTorch's, and worse by so much.
    private const double Slack = 8;

    private readonly Dictionary<string, double[]> _numbers = new(StringComparer.Ordinal);

    public PyTorchFile(string name, TemporaryFolder folder)
    {
        Path = folder[name];
        File.WriteAllBytes(Path, EmbeddedFiles.Bytes($"PyTorch.{name}"));
        using var reader = new SafeTensorsReader(Path);
        Entries = [.. reader.Entries];
        foreach (var entry in Entries)
        {
            var bytes = new byte[entry.Length];
            reader.Read(entry, bytes);
            _numbers[entry.Name] = [.. Enumerable.Range(0, bytes.Length / WidthOf(entry)).Select(i => entry.DType switch
            {
                "F64" => BitConverter.ToDouble(bytes, 8 * i),
                "F32" => BitConverter.ToSingle(bytes, 4 * i),
                "I64" => BitConverter.ToInt64(bytes, 8 * i),
                "BF16" => BitConverter.Int32BitsToSingle(BitConverter.ToUInt16(bytes, 2 * i) << 16),
                _ => (double)BitConverter.ToHalf(bytes, 2 * i),
            })];
        }
    }

    public string Path { get; }

    public IReadOnlyList<SafeTensorsEntry> Entries { get; }

    public double[] this[string name] => _numbers[name];

    public Shape ShapeOf(string name) => new([.. Entries.Single(entry => entry.Name == name).Shape.Select(size => (int)size)]);

    public int[] Labels => Array.ConvertAll(this["labels"], label => (int)label);

    /// <summary>Names that begin with a prefix, without it.</summary>
    public IEnumerable<string> Within(string prefix) => _numbers.Keys
        .Where(name => name.StartsWith(prefix, StringComparison.Ordinal) && !name.EndsWith(".rounding", StringComparison.Ordinal))
        .Select(name => name[prefix.Length..]);

    /// <summary>Asserts that numbers are those of the file, but for rounding in a type.</summary>
    public void AssertEqual(string name, double[] actual, double unitRoundoff)
    {
        var expected = this[name];
        if (Entries.Single(entry => entry.Name == name).DType == "I64")
        {
            Assert.That(actual, Is.EqualTo(expected), name);
            return;
        }

        Assert.That(actual, Has.Length.EqualTo(expected.Length), name);
        // How far PyTorch is off in single precision, or all numbers by half a unit in the last place.
        var inFloat32 = this[$"{name}.rounding"][0] + Math.ScaleB(Norm(expected), -24);
        var allowed = Slack * inFloat32 * unitRoundoff / Math.ScaleB(1, -24);
        ErrorBound.AssertWithin(name, [Norm([.. actual.Zip(expected, (one, other) => one - other)])], [0], [allowed]);
    }

    /// <summary>The network that the files hold, not initialized.</summary>
    public static Sequential CreateNetwork() => new(
        new Conv2d(1, 4, kernel: 5), new BatchNorm(4), new ReLU(), new MaxPool2d(2), new Conv2d(4, 6, kernel: 3), new BatchNorm(6),
        new ReLU(), new MaxPool2d(2), new Flatten(), new Linear(24, 12), new ReLU(), new Linear(12, 5));

    private static int WidthOf(SafeTensorsEntry entry) => entry.DType switch
    {
        "F64" or "I64" => 8,
        "F32" => 4,
        _ => 2,
    };

    private static double Norm(double[] values) => Math.Sqrt(values.Sum(value => value * value));
}
