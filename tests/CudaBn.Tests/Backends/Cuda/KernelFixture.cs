using CudaBn.Backends;
using CudaBn.Backends.Cuda;
using CudaBn.Tests.Support;

namespace CudaBn.Tests.Backends.Cuda;

/// <summary>Tests of kernels one by one, with launch shapes that the backend may never choose.</summary>
public abstract class KernelFixture(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    internal CudaBackend Backend => (CudaBackend)Device.Backend;

    /// <summary>A tensor that starts some elements into memory, as memory that others share may: no vector fits its
    /// address. The elements before and after it are NaN.</summary>
    protected Tensor Shifted(double[] values, Shape shape, int elements = 1)
    {
        var memory = Own(new Tensor([elements + values.Length + elements], DType, Device));
        double[] around = new double[elements];
        Array.Fill(around, double.NaN);
        Write([.. around, .. values, .. around], memory);
        return At(memory.Address + elements * DType.Size(), shape, DType);
    }

    /// <summary>A tensor at an address that it does not own.</summary>
    protected Tensor At(nint address, Shape shape, DType dtype) => new(
        shape, dtype, Device, new Borrowed(address, shape.ElementCount * dtype.Size()), ownsStorage: false);

    private sealed class Borrowed : TensorStorage
    {
        public Borrowed(nint address, long byteLength)
            : base(byteLength) => SetHandle(address);

        protected override bool ReleaseHandle() => true;
    }
}
