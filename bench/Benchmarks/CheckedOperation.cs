namespace CudaBn.Bench;

/// <summary>What a benchmark times, and what tells whether it computes the right thing.</summary>
/// <param name="Operation">Queues the work on the device.</param>
/// <param name="Check">Compares what the operation wrote with the reference; throws
/// <see cref="WrongResultException"/>.</param>
public readonly record struct CheckedOperation(Action Operation, Action Check);
