using CudaBn.Backends.Cuda;
using CudaBn.Backends.OpArgs;
using CudaBn.Tests.Layers;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;

namespace CudaBn.Tests.Backends.Cuda;

/// <summary>Tests of the kernels of convolution.</summary>
public abstract class ConvKernelFixture(TestBackend backend, DType dtype) : KernelFixture(backend, dtype)
{
    /// <summary>Of a block, in all of them.</summary>
    protected const int Threads = 128;

    protected static int Tiles(int count, int tile) => (int)((count + (long)tile - 1) / tile);

    private protected unsafe void Launch(
        KernelFile file, string kernel, ReadOnlySpan<KernelConstant> constants, ConvGeometry geometry, int blocks,
        ReadOnlySpan<KernelArgument> others, int sharedBytes = 0)
    {
        using var scope = Backend.Enter();
        Backend.Kernel(file, kernel, DType, constants).Launch(
            blocks, Threads, [KernelArgument.Struct(&geometry), .. others], sharedBytes);
    }

    protected void AssertGradients(Data data, ConvCase c, Tensor partials, int splits, string launch)
    {
        var gradWeight = Poison(c.WeightShape);
        var gradBias = c.Bias ? Poison([c.OutChannels]) : null;
        using (Backend.Enter())
            Backend.Kernel(CudaBackend.ConvSumSplitsFile, "conv_sum_splits", DType).Launch(
                Tiles(c.OutChannels * data.Columns, 32), 256,
                [partials, splits, c.OutChannels, data.Columns, gradWeight, gradBias]);
        ErrorBound.AssertEqual($"weight gradient, {launch}", Read(gradWeight), data.Expected.GradWeight);
        if (gradBias is not null)
            ErrorBound.AssertEqual($"bias gradient, {launch}", Read(gradBias), data.Expected.GradBias!);
    }

    /// <summary>Tensors of one case, and what the reference makes of them.</summary>
    protected sealed class Data
    {
        public Data(ConvKernelFixture test, ConvCase c)
            : this(test, c, _ => { })
        {
        }

        public Data(ConvKernelFixture test, ConvCase c, Action<double[]> change)
        {
            var x = RandomVector.Integers(1, (int)c.InputShape.ElementCount, 4);
            change(x);
            var weight = RandomVector.Integers(2, (int)c.WeightShape.ElementCount, 4);
            var bias = RandomVector.Integers(3, c.OutChannels, 4);
            var gradOutput = RandomVector.Integers(4, (int)c.OutputShape.ElementCount, 4);
            Expected = c.Reference(x, weight, bias, gradOutput);
            X = test.TensorOf(x, c.InputShape);
            Weight = test.TensorOf(weight, c.WeightShape);
            Bias = c.Bias ? test.TensorOf(bias, [c.OutChannels]) : null;
            GradOutput = test.TensorOf(gradOutput, c.OutputShape);
            Geometry = c.Geometry;
            Columns = Geometry.GroupInChannels * Geometry.Taps + (c.Bias ? 1 : 0);
            OutPositions = c.Batch * Geometry.OutPlaces;
        }

        public AffineResult Expected { get; }

        public Tensor X { get; }

        public Tensor Weight { get; }

        public Tensor? Bias { get; }

        public Tensor GradOutput { get; }

        public ConvGeometry Geometry { get; }

        public int Columns { get; }

        public int OutPositions { get; }
    }
}
