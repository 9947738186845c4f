using System.Reflection;

namespace CudaBn.Tests.Serialization;

/// <summary>Files that NumPy made, by Numpy/make.py.</summary>
internal static class NumpyFiles
{
    public static byte[] Bytes(string name)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
