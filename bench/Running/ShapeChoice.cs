namespace CudaBn.Bench;

/// <summary>How many shapes of an operator are measured.</summary>
public enum ShapeChoice
{
    /// <summary>The seed network's, for a run of a minute.</summary>
    Quick,

    /// <summary>As many as a run of eight minutes has time for.</summary>
    Usual,

    /// <summary>All.</summary>
    All,
}
