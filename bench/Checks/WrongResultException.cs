namespace CudaBn.Bench;

/// <summary>An operator computed something else than the reference: its time would mean nothing.</summary>
public sealed class WrongResultException(string message) : Exception(message);
