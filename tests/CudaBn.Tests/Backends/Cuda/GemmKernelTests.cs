using CudaBn.Backends.Cuda;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

/// <summary>Products of matrices on this library's own kernel and, where it is there, on cuBLAS. The numbers are small
/// integers, whose sums are exact.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.CudaInEveryType))]
public class GemmKernelTests(TestBackend backend, DType dtype) : KernelFixture(backend, dtype)
{
    private static IEnumerable<TestCaseData> Cases() =>
        from size in new (int Rows, int Columns, int Terms)[]
        {
            (1, 1, 1), (2, 3, 5), (64, 64, 16), (65, 63, 17), (1, 129, 31), (130, 1, 97), (37, 41, 128), (7, 11, 1031),
        }
        from kernel in new[] { "nn", "nt", "tn" }
        select new TestCaseData(size.Rows, size.Columns, size.Terms, kernel);

    [TestCaseSource(nameof(Cases))]
    public void Tiles_InEverySplit_GiveTheReference(int rows, int columns, int terms, string kernel)
    {
        var (left, right, expected) = Factors(rows, columns, terms, kernel);
        foreach (var perSplit in new[] { 8, 48, 2048 })
        {
            var splits = (terms + perSplit - 1) / perSplit;
            var tiles = (rows + 63) / 64 * ((columns + 63) / 64);
            var partials = Poison([splits, rows, columns]);
            var result = Poison([rows, columns]);
            using (Backend.Enter())
            {
                Backend.Kernel(CudaBackend.GemmFile, $"gemm_{kernel}", DType).Launch(
                    tiles * splits, 128, [left, right, rows, columns, terms, perSplit, partials]);
                Backend.Kernel(CudaBackend.GemmFile, "gemm_sum_splits", DType).Launch(
                    ((rows * columns) + 31) / 32, 256, [partials, splits, (long)rows * columns, result]);
            }

            ErrorBound.AssertEqual($"{splits} splits", Read(result), expected);
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void Multiply_WithAndWithoutCublas_GivesTheReference(int rows, int columns, int terms, string kernel)
    {
        var (left, right, expected) = Factors(rows, columns, terms, kernel);
        var product = new MatrixProduct(rows, columns, terms, kernel[0] == 't', kernel[1] == 't');
        var onTiles = Poison([rows, columns]);
        var chosen = Poison([rows, columns]);
        using (Backend.Enter())
        {
            Backend.MultiplyOnTiles(in product, left, right, onTiles);
            Backend.Multiply(in product, left, right, chosen);
        }

        ErrorBound.AssertEqual("tiles", Read(onTiles), expected);
        ErrorBound.AssertEqual("chosen", Read(chosen), expected);
    }

    [TestCase(1, 1)]
    [TestCase(7, 31)]
    [TestCase(8, 32)]
    [TestCase(9, 33)]
    [TestCase(257, 65)]
    public void BiasKernels_GiveTheReference(int batch, int features)
    {
        var gradients = RandomVector.Integers(1, batch * features, 9);
        var bias = RandomVector.Integers(2, features, 9);
        var gradOutput = TensorOf(gradients, [batch, features]);
        var gradBias = Poison([features]);
        using (Backend.Enter())
        {
            Backend.Kernel(CudaBackend.LinearFile, "linear_backward_bias", DType).Launch(
                (features + 31) / 32, 256, [gradOutput, batch, features, gradBias]);
            Backend.Kernel(CudaBackend.LinearFile, "linear_add_bias", DType).Launch(
                2, 32, [TensorOf(bias, [features]), (long)batch * features, features, gradOutput]);
        }

        var sums = new double[features];
        for (var i = 0; i < gradients.Length; i++)
            sums[i % features] += gradients[i];
        ErrorBound.AssertEqual("bias gradient", Read(gradBias), sums);
        ErrorBound.AssertEqual(
            "output", Read(gradOutput), [.. gradients.Select((value, i) => value + bias[i % features])]);
    }

    private (Tensor Left, Tensor Right, double[] Expected) Factors(int rows, int columns, int terms, string kernel)
    {
        var left = RandomVector.Integers(1, rows * terms, 5);
        var right = RandomVector.Integers(2, terms * columns, 5);
        var expected = new double[rows * columns];
        for (var i = 0; i < rows; i++)
        for (var j = 0; j < columns; j++)
        for (var k = 0; k < terms; k++)
        {
            expected[i * columns + j] += (kernel[0] == 't' ? left[k * rows + i] : left[i * terms + k])
                * (kernel[1] == 't' ? right[j * terms + k] : right[k * columns + j]);
        }

        return (TensorOf(left, [rows, terms]), TensorOf(right, [terms, columns]), expected);
    }
}
