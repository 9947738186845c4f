using CudaBn.Onnx;
using CudaBn.Tests.Onnx;

namespace CudaBn.Tests.Fuzzing;

/// <summary>ONNX files: one of this library with most of its operators, and one as others write them.</summary>
internal sealed class OnnxFuzzTarget : FuzzTarget
{
    public override IReadOnlyList<FuzzSeed> Seeds() => [.. OnnxCorruptionTests.ValidFiles().Select(file => new FuzzSeed(file))];

    public override void Read(string path)
    {
        using var model = OnnxImport.Load(path);
    }

    // A node of a dozen bytes becomes a layer.
    public override long AllocationLimit(long fileLength) => (64 * fileLength) + (1 << 20);
}
