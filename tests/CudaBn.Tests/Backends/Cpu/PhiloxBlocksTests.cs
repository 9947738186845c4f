using CudaBn.Backends.Cpu;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cpu;

public class PhiloxBlocksTests
{
    [TestCase(0ul)]
    [TestCase(8ul)]
    [TestCase(0xFFFF_FFF8ul)]
    [TestCase(0xFFFF_FFFCul)]
    [TestCase(0x1234_5678_9ABC_DEF0ul)]
    public unsafe void Fill_GivesTheBlocksOneAfterTheOther(ulong first)
    {
        const ulong seed = 0xFEDC_BA98_7654_3210;
        uint* words = stackalloc uint[PhiloxBlocks.Words], oneByOne = stackalloc uint[PhiloxBlocks.Words];

        PhiloxBlocks.Fill(words, seed, first, 0x8000_0005, 0xC000_0001);
        PhiloxBlocks.FillOneByOne(oneByOne, seed, first, 0x8000_0005, 0xC000_0001);

        for (var i = 0; i < PhiloxBlocks.Words; i++)
        {
            var block = first + (ulong)(i / 4);
            var (w0, w1, w2, w3) = Philox.Block(
                (uint)block, (uint)(block >> 32), 0x8000_0005, 0xC000_0001, 0x7654_3210, 0xFEDC_BA98);
            var expected = new[] { w0, w1, w2, w3 }[i % 4];
            Assert.That((words[i], oneByOne[i]), Is.EqualTo((expected, expected)), $"word {i}");
        }
    }
}
