namespace CudaBn.Cli;

/// <summary>A test image that was named wrongly.</summary>
/// <param name="Image">Its index in the test set.</param>
/// <param name="Truth">Its class.</param>
/// <param name="Given">The class that it was given.</param>
/// <param name="TruthProbability">The probability that its class was given.</param>
/// <param name="GivenProbability">The probability of the class that was named.</param>
/// <param name="Loss">Its cross-entropy.</param>
internal readonly record struct Mistake(
    int Image, int Truth, int Given, double TruthProbability, double GivenProbability, double Loss);
