using System.Runtime.Intrinsics.X86;
using System.Runtime.InteropServices;
using System.Text;

namespace CudaBn.Cli;

/// <summary>What the processor calls itself.</summary>
internal static class Processor
{
    // The brand string of x86: three leaves of sixteen letters (Intel SDM volume 2, CPUID).
    private const int FirstBrandLeaf = unchecked((int)0x80000002);
    private const int LastBrandLeaf = unchecked((int)0x80000004);

    /// <returns>The name; the architecture alone where the processor tells none.</returns>
    public static string Name()
    {
        if (!X86Base.IsSupported || X86Base.CpuId(unchecked((int)0x80000000), 0).Eax < LastBrandLeaf)
            return RuntimeInformation.ProcessArchitecture.ToString();

        var letters = new List<byte>();
        for (var leaf = FirstBrandLeaf; leaf <= LastBrandLeaf; leaf++)
        {
            var (a, b, c, d) = X86Base.CpuId(leaf, 0);
            foreach (var register in (ReadOnlySpan<int>)[a, b, c, d])
                letters.AddRange(BitConverter.GetBytes(register));
        }

        return Encoding.ASCII.GetString([.. letters]).TrimEnd('\0').Trim();
    }
}
