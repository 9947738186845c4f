using System.Buffers.Binary;
using CudaBn.Onnx;
using CudaBn.Onnx.Format;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Onnx;

/// <summary>Thousands of damaged files: each is refused in one way, or is a model still.</summary>
[Parallelizable(ParallelScope.Self)]
public class OnnxCorruptionTests
{
    private const int Mutations = 4000;

    [Test]
    public void Load_SeededMutations_AreRefusedOrModels()
    {
        using var folder = new TemporaryFolder();
        var files = ValidFiles();
        var random = new Random(2026);
        int refused = 0, accepted = 0;
        foreach (var file in files)
            Load(folder["mutated"], file);

        for (var round = 0; round < Mutations; round++)
        {
            var mutated = files[round % files.Length];
            for (var times = random.Next(1, 4); times > 0; times--)
                mutated = Mutate(mutated, files[random.Next(files.Length)], random);
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                Load(folder["mutated"], mutated);
                accepted++;
            }
            catch (InvalidDataException fault)
            {
                refused++;
                Assert.That(fault.Message, Does.StartWith($"{folder["mutated"]}: byte "), $"round {round}");
                Assert.That(fault.Message, Does.Not.Contain('\n').And.Not.Contain('\r'));
            }

            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.That(allocated, Is.LessThan(64L * mutated.Length + (1 << 20)), $"round {round}");
        }

        // Both outcomes must occur, or the mutations are too weak or too strong to say anything.
        Assert.That(refused, Is.GreaterThan(Mutations / 4));
        Assert.That(accepted, Is.GreaterThan(Mutations / 50));
        TestContext.Out.WriteLine($"{refused} refused, {accepted} accepted");
    }

    private static void Load(string path, byte[] bytes)
    {
        File.WriteAllBytes(path, bytes);
        using var model = OnnxImport.Load(path);
    }

    /// <summary>A file of this library with most of its operators, and one as others write them.</summary>
    internal static byte[][] ValidFiles()
    {
        using var model = new Sequential(
            new Conv2d(2, 4, 3, padding: new Padding2d(1, 0, 1, 2), groups: 2), new BatchNorm(4, momentum: null),
            new Residual(
                new Sequential(new Conv2d(4, 4, 1), new BatchNorm(4), new SiLU()), new Conv2d(4, 4, 1, bias: false)),
            new MaxPool2d(3, 2, 1, ceilMode: true), new AvgPool2d(2, ceilMode: true), new AdaptiveAvgPool2d(2, 3),
            new BatchNorm(3, channelsLast: true), new Dropout(0.2), new Flatten(), new Linear(24, 5), new GELU(),
            new LeakyReLU(0.2));
        model.Initialize(Device.Cpu);
        var (exported, _) = OnnxExport.Describe(model, [1, 2, 16, 18], new OnnxExportOptions());
        var byHand = new OnnxFile(sizes: [-1, 3, 4, 5])
            .Integers("flat", 0, -1).Floats("w", [60, 4], new float[240]).Floats("b", [4], new float[4])
            .Node("r = Reshape(x, flat)").Node("m = MatMul(r, w)").Node("a = Add(m, b)").Node("t = Tanh(a)").Node("y = Add(t, a)");
        return [MessageWriter.ToArray(exported), byHand.ToArray()];
    }

    private static byte[] Mutate(byte[] file, byte[] other, Random random)
    {
        if (file.Length == 0)
            return [(byte)random.Next(256)];
        var bytes = (byte[])file.Clone();
        var at = random.Next(bytes.Length);
        var count = random.Next(1, Math.Min(24, bytes.Length - at) + 1);
        switch (random.Next(8))
        {
            case 0: // one bit
                bytes[at] ^= (byte)(1 << random.Next(8));
                return bytes;
            case 1: // one byte, at the values where varints and tags turn over
                bytes[at] = new byte[] { 0, 1, 2, 0x7F, 0x80, 0xFF, 0x0A, 0x12 }[random.Next(8)];
                return bytes;
            case 2: // cut short
                return bytes[..at];
            case 3: // a piece lost
                return [.. bytes[..at], .. bytes[(at + count)..]];
            case 4: // a piece twice
                return [.. bytes[..(at + count)], .. bytes[at..]];
            case 5: // spliced with another file
                return [.. bytes[..at], .. other[random.Next(other.Length)..]];
            case 6: // a great number
                Span<byte> number = stackalloc byte[8];
                BinaryPrimitives.WriteUInt64LittleEndian(number, ulong.MaxValue >> random.Next(64));
                number[..Math.Min(8, bytes.Length - at)].CopyTo(bytes.AsSpan(at));
                return bytes;
            default: // another letter or digit of a name or operator
                bytes[at] = (byte)(char.IsAsciiLetterOrDigit((char)bytes[at]) ? 'a' + random.Next(26) : bytes[at] + 1);
                return bytes;
        }
    }
}
