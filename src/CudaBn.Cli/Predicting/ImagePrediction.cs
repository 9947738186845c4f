namespace CudaBn.Cli;

/// <summary>What a network takes an image for.</summary>
/// <param name="File">The file, as it was named.</param>
/// <param name="Index">Which image of an IDX file, from 0; 0 of other files.</param>
/// <param name="Top">The most probable classes, the first of them first.</param>
internal sealed record ImagePrediction(string File, int Index, IReadOnlyList<ClassProbability> Top);
