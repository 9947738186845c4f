namespace CudaBn;

/// <summary>How one request for a file ended.</summary>
internal enum TransferOutcome
{
    /// <summary>All bytes are there; their hash is yet to be checked.</summary>
    Complete,

    /// <summary>The source cannot be reached or does not have the file.</summary>
    Unavailable,

    /// <summary>Some bytes are missing; asking again may bring them.</summary>
    Broken,

    /// <summary>The source has other bytes than those expected.</summary>
    Wrong,
}
