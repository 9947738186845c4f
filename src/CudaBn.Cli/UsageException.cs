namespace CudaBn.Cli;

/// <summary>The command was called with a value it does not take.</summary>
internal sealed class UsageException(string message) : Exception(message);
