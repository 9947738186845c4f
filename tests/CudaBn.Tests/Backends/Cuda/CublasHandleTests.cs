using CudaBn.Backends.Cuda.Native;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

public unsafe class CublasHandleTests : CudaFixture
{
    [Test]
    public void Blas_MultipliesOnTheStreamOfTheBackend_EagerlyAndRecorded()
    {
        if (!NativeLibraries.Find(NativeLibraries.Cublas).IsFound)
            Assert.Ignore("cuBLAS is not installed.");
        // Column-major: [[1, 3], [2, 4]] times [[5, 7], [6, 8]].
        using var a = Tensor.From<double>([1, 2, 3, 4], [4], Device);
        using var b = Tensor.From<double>([5, 6, 7, 8], [4], Device);
        using var c = new Tensor([4], DType.Float64, Device);
        Multiply();
        Assert.That(c.ToArray<double>(), Is.EqualTo(new double[] { 23, 34, 31, 46 }));

        Backend.Clear(c);
        using var recording = Backend.Record(() =>
        {
            Backend.Copy(b, a);
            Multiply();
        });
        recording.Replay();
        Assert.That(c.ToArray<double>(), Is.EqualTo(new double[] { 67, 78, 91, 106 }));
        using (Backend.Enter())
            Assert.That(Backend.Blas!.Version, Is.GreaterThanOrEqualTo(120000));

        void Multiply()
        {
            using var scope = Backend.Enter();
            double one = 1, zero = 0;
            CudaBn.Backends.Cuda.CudaCheck.ThrowIfFailed(Cublas.cublasDgemm_v2(
                Backend.Blas!.Handle, Cublas.AsIs, Cublas.AsIs, 2, 2, 2, &one, a.Address, 2, b.Address, 2, &zero, c.Address,
                2));
        }
    }
}
