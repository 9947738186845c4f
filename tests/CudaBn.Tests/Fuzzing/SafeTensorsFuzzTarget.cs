using System.Text;
using CudaBn.Tests.Serialization;

namespace CudaBn.Tests.Fuzzing;

/// <summary>safetensors files, and headers of the right length.</summary>
internal sealed class SafeTensorsFuzzTarget : FuzzTarget
{
    private const string Header = """
        {"__metadata__":{"format":"pt","note":"\u00fc \"quoted\""},
         "conv1.weight":{"dtype":"F32","shape":[2,1,3,3],"data_offsets":[0,72]},
         "bn1.num_batches_tracked":{"dtype":"I64","shape":[],"data_offsets":[72,80]},
         "half":{"dtype":"F16","shape":[5],"data_offsets":[80,90]}, "none":{"dtype":"BOOL","shape":[0,7],"data_offsets":[90,90]}}
        """;

    public override IReadOnlyList<FuzzSeed> Seeds() =>
    [
        new(SafeTensorsFile.Bytes(Header, new byte[90])),
        new(SafeTensorsFile.Bytes("""{"a":{"dtype":"U8","shape":[300],"data_offsets":[0,300]}}""", new byte[300])),
        new(SafeTensorsFile.Bytes("{}      ")),
        new(Encoding.UTF8.GetBytes(Header), header => SafeTensorsFile.Bytes(header, new byte[90])),
    ];

    public override void Read(string path) => TensorFiles.ReadAll(path);
}
