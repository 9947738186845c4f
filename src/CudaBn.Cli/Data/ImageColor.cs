namespace CudaBn.Cli;

/// <summary>What image files are read as.</summary>
internal enum ImageColor
{
    /// <summary>Three channels: red, green, blue.</summary>
    Rgb,

    /// <summary>One channel: luma.</summary>
    Grey,
}
