using System.Runtime.InteropServices;

namespace CudaBn.Backends.Cuda;

/// <summary>Texts as native functions take them: an array of pointers to zero-terminated UTF-8.</summary>
internal readonly unsafe struct NativeTexts : IDisposable
{
    public NativeTexts(IReadOnlyList<string> texts)
    {
        Count = texts.Count;
        Pointers = (byte**)NativeMemory.AllocZeroed((nuint)Math.Max(1, Count), (nuint)sizeof(byte*));
        for (var i = 0; i < Count; i++)
            Pointers[i] = (byte*)Marshal.StringToCoTaskMemUTF8(texts[i]);
    }

    public int Count { get; }

    public byte** Pointers { get; }

    public void Dispose()
    {
        for (var i = 0; i < Count; i++)
            Marshal.FreeCoTaskMem((nint)Pointers[i]);
        NativeMemory.Free(Pointers);
    }
}
