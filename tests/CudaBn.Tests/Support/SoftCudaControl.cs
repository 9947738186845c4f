using System.Runtime.InteropServices;
using System.Text;
using CudaBn.Backends.Cuda.Native;
using NUnit.Framework;

namespace CudaBn.Tests.Support;

/// <summary>The switches and counters that the software device has beside CUDA's functions.</summary>
internal static unsafe class SoftCudaControl
{
    /// <summary>Ignores the test on a GPU, which neither fails on demand nor counts.</summary>
    public static void Require()
    {
        CudaUnderTest.Open();
        if (CudaUnderTest.IsGpu)
            Assert.Ignore("Faults are planted on the software CUDA device only.");
    }

    /// <summary>Sets one of the keys of tests/softcuda/README.md.</summary>
    public static void Set(string key, string value)
    {
        var set = (delegate* unmanaged<byte*, byte*, int>)Export("softcuda_set");
        fixed (byte* keyText = ZeroEnded(key), valueText = ZeroEnded(value))
            Assert.That(set(keyText, valueText), Is.EqualTo(1), $"softcuda_set({key}, {value})");
    }

    /// <summary>How many objects of a kind are alive, or calls of a kind were made.</summary>
    public static long Count(string what)
    {
        var count = (delegate* unmanaged<byte*, long>)Export("softcuda_count");
        fixed (byte* text = ZeroEnded(what))
            return count(text);
    }

    /// <summary>The faults so far, which are forgotten.</summary>
    public static string TakeReport()
    {
        var report = (delegate* unmanaged<byte*>)Export("softcuda_report");
        var clear = (delegate* unmanaged<void>)Export("softcuda_clear_report");
        var text = Marshal.PtrToStringUTF8((nint)report()) ?? "";
        clear();
        return text;
    }

    private static byte[] ZeroEnded(string text) => Encoding.UTF8.GetBytes($"{text}\0");

    private static nint Export(string name) =>
        NativeLibrary.GetExport(NativeLibraries.Find(NativeLibraries.Driver).Handle, name);
}
