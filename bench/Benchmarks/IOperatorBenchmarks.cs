namespace CudaBn.Bench;

/// <summary>What the suite asks a class of benchmarks that has a shape.</summary>
public interface IOperatorBenchmarks
{
    /// <summary>What a benchmark of this class has to do at least.</summary>
    /// <param name="benchmark">The name of its method.</param>
    Work WorkOf(string benchmark);

    /// <summary>The memory that a benchmark asks for, in bytes.</summary>
    /// <param name="benchmark">The name of its method.</param>
    long BytesNeeded(string benchmark);

    /// <summary>Whether a benchmark is there for a device at all.</summary>
    bool RunsOn(string benchmark, string device);
}
