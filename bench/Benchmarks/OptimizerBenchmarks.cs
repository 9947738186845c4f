namespace CudaBn.Bench;

/// <summary>A step over many parameters at once. Of its results, those of the largest parameter are checked.</summary>
public abstract class OptimizerBenchmarks<TShape> : OperatorBenchmarks<TShape>
    where TShape : OptimizerShape
{
    protected const double Rate = 1e-3;

    /// <summary>The place of the largest parameter.</summary>
    protected int Largest => Enumerable.Range(0, Shape.Parameters.Count).MaxBy(i => Shape.Parameters[i]);

    protected Parameter[] RandomParameters() => [.. Shape.Parameters.Select((count, i) =>
    {
        var parameter = Own(new Parameter($"p{i}", [count], DType.Float32, Device));
        parameter.Value.CopyFrom(Normal([count]));
        parameter.Gradient.CopyFrom(Normal([count]));
        return parameter;
    })];

    /// <summary>What an optimizer keeps for every parameter.</summary>
    protected Tensor[] RandomBuffers() => [.. Shape.Parameters.Select(count => Normal([count]))];

    protected static double[] Numbers(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        return Array.ConvertAll(tensor.ToArray<float>(), value => (double)value);
    }
}
