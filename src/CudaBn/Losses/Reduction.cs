namespace CudaBn;

/// <summary>How the losses of a batch become one number.</summary>
public enum Reduction
{
    /// <summary>Their sum, divided by their number.</summary>
    Mean,

    /// <summary>Their sum.</summary>
    Sum,
}
