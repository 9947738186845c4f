using CudaBn.Backends.Cuda;
using CudaBn.Backends.OpArgs;
using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

/// <summary>The kernels of batch normalization on tensors larger than the software device's memory, which is made larger
/// meanwhile: nothing else may use it then.</summary>
[Category("Large")]
[NonParallelizable]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.CudaInEveryType))]
public class BatchNormLargeKernelTests(TestBackend backend, DType dtype) : KernelFixture(backend, dtype)
{
    private const int N = 3;
    private const int C = 1 << 30;
    private const int Visited = 32;

    /// <summary>The kernels that write an element for every element, what they read, and what comes out with mean and deviation
    /// 1, and sums of the channels of 0.</summary>
    /// <param name="File">Where the kernel is.</param>
    /// <param name="Name">Its name.</param>
    /// <param name="Arguments">Those behind sizes and statistics: x and another tensor, the sums, and what is written.</param>
    /// <param name="Expected">The value written, of the elements of the two tensors.</param>
    private sealed record Sweep(
        KernelFile File, string Name, Func<Tensor, Tensor, Tensor, Tensor, KernelArgument[]> Arguments,
        Func<double, double, double> Expected)
    {
        public override string ToString() => Name;
    }

    private static Tensor? None => null;

    private static IEnumerable<TestCaseData> Sweeps() =>
        from ofRows in new[] { false, true }
        let prefix = ofRows ? "batch_norm_rows" : "batch_norm"
        let file = ofRows ? CudaBackend.BatchNormRowsFile : CudaBackend.BatchNormFile
        let tail = ofRows ? CudaBackend.BatchNormRowsAddReLUFile : CudaBackend.BatchNormAddReLUFile
        from sweep in new Sweep[]
        {
            new(file, $"{prefix}_normalize", (x, _, _, y) => [x, None, None, y], (x, _) => x - 1),
            new(file, $"{prefix}_backward_input", (x, dy, sums, dx) => [x, None, dy, sums, dx], (_, dy) => dy),
            new(file, $"{prefix}_frozen_backward_input", (_, dy, _, dx) => [None, dy, dx], (_, dy) => dy),
            new(tail, $"{prefix}_add_relu_forward", (x, added, _, y) => [x, None, None, added, 1, y],
                (x, added) => Math.Max(0, x - 1 + added)),
            new(tail, $"{prefix}_relu_backward_input", (x, dy, sums, dx) => [x, None, None, dy, sums, dx],
                (x, dy) => x > 1 ? dy : 0),
            new(tail, $"{prefix}_relu_frozen_backward_input", (x, dy, _, dx) => [x, None, None, dy, dx],
                (x, dy) => x > 1 ? dy : 0),
        }
        select new TestCaseData(ofRows, sweep).SetArgDisplayNames(sweep.Name);

    /// <summary>More than 2^31 elements, of which one block visits those of a few channels: the rows lie 2^30 elements
    /// apart, as far as an index of 32 bits does not reach.</summary>
    [TestCaseSource(nameof(Sweeps))]
    public void ElementsBeyond2To31_AreVisited(bool ofRows, object kernel)
    {
        var sweep = (Sweep)kernel;
        var (values, others) = (
            RandomVector.Integers(1, N * Visited, 9), RandomVector.Integers(2, N * Visited, 9));
        OnLargeTensors((x, other, output) =>
        {
            WriteRows(values, x);
            WriteRows(others, other);
            using var sums = Tensor.Zeros([2 * Visited], DType.Float64, Device);
            Launch(ofRows, sweep.File, sweep.Name, sweep.Arguments(x, other, sums, output));

            for (var row = 0; row < N; row++)
            {
                var range = (row * Visited)..((row + 1) * Visited);
                ErrorBound.AssertEqual(
                    $"row {row}", Read(output.Part((long)row * C, [Visited])),
                    [.. values[range].Zip(others[range], sweep.Expected)]);
            }
        });
    }

    /// <summary>The sums of dy and of dy * (x - 1), likewise.</summary>
    [Test]
    public void SumsOfElementsBeyond2To31_AreThoseOfAll([Values] bool ofRows)
    {
        var (values, gradients) = (
            RandomVector.Integers(1, N * Visited, 9), RandomVector.Integers(2, N * Visited, 9));
        OnLargeTensors((x, gradOutput, _) =>
        {
            WriteRows(values, x);
            WriteRows(gradients, gradOutput);
            using var parts = Tensor.Zeros([2 * Visited], DType.Float64, Device);
            LaunchReduction(ofRows, x, gradOutput, parts);

            var expected = new double[2 * Visited];
            for (var i = 0; i < values.Length; i++)
            {
                expected[2 * (i % Visited)] += gradients[i];
                expected[2 * (i % Visited) + 1] += gradients[i] * (values[i] - 1);
            }

            ErrorBound.AssertEqual("sums", parts.ToArray<double>(), expected);
        });
    }

    private void OnLargeTensors(Action<Tensor, Tensor, Tensor> work)
    {
        SoftCudaControl.Require();
        // The software device maps large buffers without filling them: only what is touched takes memory.
        SoftCudaControl.Set("MEMORY", $"{96L << 30}");
        try
        {
            using var first = new Tensor([N, C], DType, Device);
            using var second = new Tensor([N, C], DType, Device);
            using var third = new Tensor([N, C], DType, Device);
            work(first, second, third);
        }
        finally
        {
            SoftCudaControl.Set("MEMORY", $"{8L << 30}");
        }
    }

    private static void WriteRows(double[] values, Tensor tensor)
    {
        for (var row = 0; row < N; row++)
            Write(values[(row * Visited)..((row + 1) * Visited)], tensor.Part((long)row * C, [Visited]));
    }

    private unsafe void LaunchReduction(bool ofRows, Tensor x, Tensor gradOutput, Tensor parts)
    {
        if (ofRows)
        {
            Launch(ofRows, CudaBackend.BatchNormRowsFile, "batch_norm_rows_backward_reduce", [x, gradOutput, parts]);
            return;
        }

        var results = default(ChannelGradients);
        Launch(
            ofRows, CudaBackend.BatchNormFile, "batch_norm_backward_reduce",
            [x, gradOutput, parts, None, KernelArgument.Struct(&results)]);
    }

    private unsafe void Launch(bool ofRows, KernelFile file, string name, KernelArgument[] arguments)
    {
        using var one = new Tensor([Visited], DType.Float64, Device);
        Backend.Fill(one, 1);
        var statistics = new BatchNormStatistics(one.Address, one.Address, 0, 0, 0);
        using var scope = Backend.Enter();
        var kernel = Backend.Kernel(file, name, DType, [new("PACK", 1)]);
        if (ofRows)
        {
            var rows = new ChannelRows(N, N, C, 1, Visited);
            kernel.Launch(
                1, ChannelRows.Threads, [KernelArgument.Struct(&rows), KernelArgument.Struct(&statistics), .. arguments]);
        }
        else
        {
            var geometry = new BatchNormGeometry(N, C, 1);
            var slices = new ChannelSlices(N, 1, 1);
            kernel.Launch(
                1, ChannelSlices.Threads,
                [
                    KernelArgument.Struct(&geometry), KernelArgument.Struct(&slices), KernelArgument.Struct(&statistics),
                    .. arguments,
                ]);
        }
    }
}
