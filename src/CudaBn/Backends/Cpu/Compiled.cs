using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cpu;

/// <summary>How methods are compiled.</summary>
internal static class Compiled
{
    /// <summary>Loops over registers: optimized when first called, and a method of their own for good. The compiler inlines
    /// so much into one method, and no more: a caller that takes in several loops would be left with calls of the
    /// instructions in them.</summary>
    public const MethodImplOptions AsLoop = MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining;
}
