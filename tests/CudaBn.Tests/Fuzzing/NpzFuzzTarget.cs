using System.IO.Compression;
using System.Text;
using CudaBn.Tests.Serialization;
using CudaBn.Tests.Support;

namespace CudaBn.Tests.Fuzzing;

/// <summary>npz files, and arrays in archives whose check sums are right.</summary>
internal sealed class NpzFuzzTarget : FuzzTarget
{
    public override IReadOnlyList<FuzzSeed> Seeds()
    {
        var rows = Array("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 24);
        var columns = Array("{'descr': '>i8', 'fortran_order': True, 'shape': (3, 2, 2), }", 96);
        var scalar = Array("{'descr': '|b1', 'fortran_order': False, 'shape': (), }", 1, major: 3);
        (string, byte[])[] members = [("conv1.weight.npy", rows), ("größe.npy", columns), ("s.npy", scalar)];
        var stored = NpzFile.Of(members, comment: "{\"format\":\"pt\"}");
        var deflated = NpzFile.Of(members, CompressionLevel.Optimal, "{\"n\":\"\\u00fc\"}");
        return
        [
            new(stored), new(deflated), new(NpzFile.Of([])), new(EmbeddedFiles.Bytes("versions.npz")),
            new(rows, array => NpzFile.Of([("a.npy", array)])), new(columns, array => NpzFile.Of([("a.npy", array)])),
            new(columns, array => NpzFile.Of([("a.npy", array)], CompressionLevel.Optimal)),
            new(scalar, array => NpzFile.Of([("a.npy", array), ("b.npy", rows)], CompressionLevel.Optimal)),
            new("{\"format\":\"pt\",\"n\":\"\\u00fc\"}"u8.ToArray(),
                comment => NpzFile.Of([("a.npy", rows)], comment: Encoding.Latin1.GetString(comment))),
        ];
    }

    public override void Read(string path) => TensorFiles.ReadAll(path);

    private static byte[] Array(string header, int length, byte major = 1)
    {
        var elements = new byte[length];
        for (var i = 0; i < length; i++)
            elements[i] = (byte)i;
        return NpzFile.Array(header, elements, major);
    }
}
