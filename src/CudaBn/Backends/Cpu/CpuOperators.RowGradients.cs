using System.Runtime.CompilerServices;

namespace CudaBn.Backends.Cpu;

// Where the sweeps over matrices have the gradients by the normalized elements from.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>The gradients by what batch normalization wrote.</summary>
    private interface IRowGradients
    {
        /// <summary>Whether a gradient depends on the deviation of its element.</summary>
        static abstract bool DependOnInput { get; }

        /// <summary>Called once, before any of these neighbouring elements is loaded for the first time.</summary>
        void Prepare(long offset, int length);

        /// <summary>The gradients by neighbouring elements.</summary>
        /// <param name="offset">Which is the first.</param>
        /// <param name="column">The column of the first.</param>
        /// <param name="deviation">x - mean.</param>
        TVector Load(long offset, int column, TVector deviation);

        /// <summary>The gradient by one element.</summary>
        T LoadOne(long offset, int column, T deviation);
    }

    /// <summary>Those of the output itself.</summary>
    private readonly struct GivenGradients(T* gradOutput) : IRowGradients
    {
        public static bool DependOnInput => false;

        public void Prepare(long offset, int length)
        {
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Load(long offset, int column, TVector deviation) => TSimd.Load(gradOutput + offset);

        public T LoadOne(long offset, int column, T deviation) => gradOutput[offset];
    }

    /// <summary>Those that a rectifier right behind lets through, where the normalized input is above 0 or NaN.</summary>
    /// <param name="gradOutput">The gradient by what the rectifier wrote.</param>
    /// <param name="constants">Those of a <see cref="NormalizeConstants"/>, each for all columns.</param>
    /// <param name="step">How far they are apart.</param>
    private readonly struct PassedGradients(T* gradOutput, T* constants, int step) : IRowGradients
    {
        private readonly T* _scales = constants + step;
        private readonly T* _shifts = constants + 2L * step;

        public static bool DependOnInput => true;

        public void Prepare(long offset, int length)
        {
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Load(long offset, int column, TVector deviation) =>
            Passed(deviation, TSimd.Load(_scales + column), TSimd.Load(_shifts + column), gradOutput + offset);

        public T LoadOne(long offset, int column, T deviation) =>
            T.MultiplyAddEstimate(deviation, _scales[column], _shifts[column]) <= T.Zero ? T.Zero : gradOutput[offset];
    }

    /// <summary>Those that a rectifier behind an addition lets through, which are stored as the addend's.</summary>
    private readonly struct KeptGradients(Rectified kept, T* gradOutput) : IRowGradients
    {
        public static bool DependOnInput => false;

        // The first-level cache holds what is stored until it is loaded.
        public void Prepare(long offset, int length) =>
            ReduceRectifiedJob.Store(kept.Output + offset, gradOutput + offset, kept.GradAddend + offset, length);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Load(long offset, int column, TVector deviation) => TSimd.Load(kept.GradAddend + offset);

        public T LoadOne(long offset, int column, T deviation) => kept.GradAddend[offset];
    }
}
