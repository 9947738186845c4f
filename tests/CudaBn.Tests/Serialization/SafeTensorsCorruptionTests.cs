using System.Buffers.Binary;
using CudaBn.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Serialization;

/// <summary>Thousands of damaged files: each is refused in one way, or is a valid file still.</summary>
[TestFixture]
public class SafeTensorsCorruptionTests
{
    private const int Mutations = 5000;

    [Test]
    public void Open_SeededMutations_AreRefusedOrValid()
    {
        using var folder = new TemporaryFolder();
        var valid = ValidFile(folder["valid"]);
        var random = new Random(2024);
        int refused = 0, accepted = 0;

        for (var round = 0; round < Mutations; round++)
        {
            var mutated = valid;
            for (var times = random.Next(1, 4); times > 0; times--)
                mutated = Mutate(mutated, random);
            File.WriteAllBytes(folder["mutated"], mutated);

            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                ReadAll(folder["mutated"], mutated);
                accepted++;
            }
            catch (InvalidDataException fault)
            {
                refused++;
                Assert.That(fault.Message, Does.StartWith($"{folder["mutated"]}: byte ").And.Contain(": expected "));
                Assert.That(fault.Message, Does.Not.Contain('\n').And.Not.Contain('\r'));
            }

            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.That(allocated, Is.LessThan(16 * mutated.Length + (1 << 20)), $"round {round}");
        }

        // Both outcomes must occur, or the mutations are too weak or too strong to say anything.
        Assert.That(refused, Is.GreaterThan(Mutations / 4));
        Assert.That(accepted, Is.GreaterThan(Mutations / 50));
        TestContext.Out.WriteLine($"{refused} refused, {accepted} accepted");
    }

    private static byte[] ValidFile(string path)
    {
        SafeTensorsWriter.Write(path,
            [
                new TensorSource("conv1.weight", "F32", [4, 1, 3, 3], stream => stream.Write(new byte[144])),
                new TensorSource("bn1.running_var", "F64", [4], stream => stream.Write(new byte[32])),
                new TensorSource("bn1.num_batches", "I64", [], stream => stream.Write(new byte[8])),
                new TensorSource("mask", "BOOL", [5], stream => stream.Write(new byte[5])),
                new TensorSource("none", "U8", [0, 7], _ => { }),
            ],
            new Dictionary<string, string> { ["format"] = "pt", ["epoch"] = "10" });
        return File.ReadAllBytes(path);
    }

    /// <summary>Whatever is accepted must keep every promise: in order, gapless, and covering the file.</summary>
    private static void ReadAll(string path, byte[] bytes)
    {
        using var reader = new SafeTensorsReader(path);
        var end = 8 + (long)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        foreach (var entry in reader.Entries)
        {
            Assert.That(entry.Offset, Is.EqualTo(end));
            end += entry.Length;
            var payload = new byte[entry.Length];
            reader.Read(entry, payload);
            Assert.That(payload.AsSpan().SequenceEqual(bytes.AsSpan((int)entry.Offset, payload.Length)), entry.Name);
        }

        Assert.That(end, Is.EqualTo(bytes.Length));
    }

    private static byte[] Mutate(byte[] file, Random random)
    {
        if (file.Length == 0)
            return [(byte)random.Next(256)];

        var bytes = (byte[])file.Clone();
        var at = random.Next(bytes.Length);
        var count = random.Next(1, Math.Min(24, bytes.Length - at) + 1);
        switch (random.Next(10))
        {
            case 0: // one bit
                bytes[at] ^= (byte)(1 << random.Next(8));
                return bytes;
            case 1: // one byte
                bytes[at] = (byte)random.Next(256);
                return bytes;
            case 2: // cut short
                return bytes[..at];
            case 3: // grown
                return [.. bytes, .. new byte[count]];
            case 4: // a piece lost
                return [.. bytes[..at], .. bytes[(at + count)..]];
            case 5: // a piece twice
                return [.. bytes[..(at + count)], .. bytes[at..]];
            case 6: // another header length
                bytes[random.Next(Math.Min(8, bytes.Length))] = (byte)random.Next(256);
                return bytes;
            case 7: // another digit
                return ReplaceOneOf(bytes, "0123456789"u8, "0123456789-.e"u8, random);
            case 8: // another structure
                return ReplaceOneOf(bytes, "{}[]\",:"u8, "{}[]\",:\\ \n"u8, random);
            default: // another name or type
                return ReplaceOneOf(bytes, "abcdeFIUBOL"u8, "abcdeFIUBOL\u0000"u8, random);
        }
    }

    private static byte[] ReplaceOneOf(byte[] bytes, ReadOnlySpan<byte> old, ReadOnlySpan<byte> with, Random random)
    {
        var places = new List<int>();
        for (var i = 0; i < bytes.Length; i++)
        {
            if (old.Contains(bytes[i]))
                places.Add(i);
        }

        if (places.Count > 0)
            bytes[places[random.Next(places.Count)]] = with[random.Next(with.Length)];
        return bytes;
    }
}
