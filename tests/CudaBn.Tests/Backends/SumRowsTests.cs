using CudaBn.Backends.OpArgs;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class SumRowsTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    [Test]
    public void Integers_AddUpExactly([Values(1, 2, 7, 9, 100)] int rows, [Values(1, 3, 31, 32, 33, 500)] int columns)
    {
        var source = RandomVector.Integers(rows + columns, rows * columns, 100);
        var expected = new double[columns];
        for (var i = 0; i < source.Length; i++)
            expected[i % columns] += source[i];
        var sums = Poison([columns]);

        Device.Backend.SumRows(new SumRowsArgs(rows, columns, TensorOf(source, [rows, columns]), sums));

        ErrorBound.AssertEqual("sums", Read(sums), expected);
    }
}
