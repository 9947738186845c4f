namespace CudaBn;

/// <summary>The network this library grew out of: two convolutions with batch normalization, then two dense layers, for
/// 28 x 28 grey images of ten classes.</summary>
/// <remarks>conv 20 @ 5x5, batch norm, ReLU, max-pool 2, conv 50 @ 3x3, batch norm, ReLU, max-pool 2, flatten (1250),
/// dense 128, ReLU, dense 10: 171,128 parameters.</remarks>
public static class SeedNetwork
{
    /// <summary>The step size the network is trained with, on the mean loss of batches of 256.</summary>
    public const double LearningRate = 0.2;

    /// <summary>Makes the network.</summary>
    /// <param name="notebookInitialization">Whether weights, gammas and betas start as normal numbers of deviation 0.01
    /// and biases as 0, as in the notebook; else every layer starts as its default says.</param>
    /// <returns>The network, not initialized.</returns>
    public static Sequential Create(bool notebookInitialization = true)
    {
        var weights = notebookInitialization ? Initializer.Normal(0, 0.01) : null;
        var biases = notebookInitialization ? Initializer.Constant(0) : null;
        return new Sequential(
            new Conv2d(1, 20, kernel: 5, weightInitializer: weights, biasInitializer: biases),
            new BatchNorm(20, gammaInitializer: weights, betaInitializer: weights),
            new ReLU(),
            new MaxPool2d(2),
            new Conv2d(20, 50, kernel: 3, weightInitializer: weights, biasInitializer: biases),
            new BatchNorm(50, gammaInitializer: weights, betaInitializer: weights),
            new ReLU(),
            new MaxPool2d(2),
            new Flatten(),
            new Linear(1250, 128, weightInitializer: weights, biasInitializer: biases),
            new ReLU(),
            new Linear(128, 10, weightInitializer: weights, biasInitializer: biases));
    }
}
