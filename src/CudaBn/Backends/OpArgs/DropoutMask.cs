namespace CudaBn.Backends.OpArgs;

/// <summary>Which elements dropout drops: a function of seed, stream, step and the element's index alone. Word i % 4 of
/// block i / 4 of the generator Philox 4x32-10, whose counter is (block, high half of block, stream, step), decides on
/// element i: it is dropped where the word is below <see cref="Threshold"/>. Initial values have 0 in the step's
/// place, and steps count from 1.</summary>
/// <param name="Probability">That an element is dropped: in [0, 1], and used to the nearest multiple of 2^-32.</param>
/// <param name="Seed">The seed of the model.</param>
/// <param name="Stream">The place of the layer in the model.</param>
/// <param name="Step">Int64 [1]: how many forward passes there were. Forward adds 1 and draws the mask of that step,
/// backward draws it again. It lives on the device, so that a recorded step has a new mask in every replay.</param>
public readonly record struct DropoutMask(double Probability, ulong Seed, uint Stream, Tensor Step)
{
    /// <summary>A random word below it drops its element: 2^32 drops all.</summary>
    public ulong Threshold => (ulong)Math.Round(Probability * (1UL << 32));

    /// <summary>What a kept element is multiplied by, so that the expected value of the output is the input. 0 where none
    /// is kept.</summary>
    public double Scale => Probability < 1 ? 1 / (1 - Probability) : 0;
}
