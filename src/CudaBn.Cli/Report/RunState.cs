namespace CudaBn.Cli;

/// <summary>How far a run is.</summary>
internal enum RunState
{
    /// <summary>It goes on.</summary>
    Running,

    /// <summary>All its epochs are done.</summary>
    Finished,

    /// <summary>It was broken off.</summary>
    Interrupted,

    /// <summary>It met a value that is NaN or infinite.</summary>
    Stopped,
}
