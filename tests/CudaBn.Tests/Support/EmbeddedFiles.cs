using System.Reflection;

namespace CudaBn.Tests.Support;

/// <summary>Files that lie within the assembly of the tests.</summary>
internal static class EmbeddedFiles
{
    public static byte[] Bytes(string name)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
