namespace CudaBn.Bench;

public class BatchNormAddReLUBenchmarks : BatchNormTailBenchmarks
{
    public override IEnumerable<BatchNormTailShape> Shapes =>
        Suite.Choose(BatchNormTailShape.Quick, BatchNormTailShape.Usual, BatchNormTailShape.All)
            .Select(shape => shape with { Adds = true });
}
