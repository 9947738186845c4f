using CudaBn.Tests.Data;

namespace CudaBn.Tests.Fuzzing;

/// <summary>IDX files, plain and compressed, and what is compressed in one.</summary>
internal sealed class IdxFuzzTarget : FuzzTarget
{
    // A file of labels is none of images, and the other way: each input is read as both.
    public override IReadOnlyList<FuzzSeed> Seeds()
    {
        var images = IdxBytes.Images(6, 5, 4, IdxBytes.Random(1, 120));
        var labels = IdxBytes.Labels(IdxBytes.Random(2, 50));
        return
        [
            new(images), new(labels), new(IdxBytes.Gzip(images)), new(IdxBytes.Gzip(labels)),
            new(images, content => IdxBytes.Gzip(content)), new(labels, content => IdxBytes.Gzip(content)),
        ];
    }

    public override void Read(string path)
    {
        try
        {
            IdxReader.ReadLabels(path);
        }
        catch (InvalidDataException refusal) when (refusal.Message.Contains("unsigned bytes, 3 dimensions)."))
        {
            IdxReader.ReadImages(path);
        }
    }
}
