namespace CudaBn.Bench;

public class BatchNormReLUBenchmarks : BatchNormTailBenchmarks
{
    public override IEnumerable<BatchNormTailShape> Shapes =>
        Suite.Choose(BatchNormTailShape.Quick, BatchNormTailShape.Usual, BatchNormTailShape.All);
}
