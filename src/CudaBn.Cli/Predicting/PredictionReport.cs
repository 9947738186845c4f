namespace CudaBn.Cli;

/// <summary>What <c>cudabn predict --json</c> prints. Members may be added, but keep their names and meanings.</summary>
/// <param name="Weights">The file of the weights that were used.</param>
/// <param name="Model">The word of the network.</param>
/// <param name="Device">Where it ran: cpu or cuda:N.</param>
/// <param name="Predictions">One for every image that was read, in the order of the files.</param>
/// <param name="Errors">One for every image or file that was not.</param>
internal sealed record PredictionReport(
    string Weights,
    string Model,
    string Device,
    IReadOnlyList<ImagePrediction> Predictions,
    IReadOnlyList<FailedImage> Errors);
