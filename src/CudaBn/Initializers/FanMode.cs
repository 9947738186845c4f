namespace CudaBn;

/// <summary>Which side of a weight decides how large its first values are.</summary>
public enum FanMode
{
    /// <summary>The inputs summed into one output.</summary>
    In,

    /// <summary>The outputs that one input takes part in.</summary>
    Out,
}
