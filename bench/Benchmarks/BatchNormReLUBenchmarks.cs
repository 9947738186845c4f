namespace CudaBn.Bench;

public class BatchNormReLUBenchmarks : BatchNormTailBenchmarks
{
    public override IEnumerable<BatchNormTailShape> Shapes =>
        Suite.Choose(BatchNormTailShape.Usual, BatchNormTailShape.Usual, BatchNormTailShape.All);
}
