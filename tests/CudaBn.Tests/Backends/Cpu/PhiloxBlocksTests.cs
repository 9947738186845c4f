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

    [TestCase(0ul)]
    [TestCase(5ul)]
    [TestCase(0x8000_0000ul)]
    [TestCase(0xFFFF_FFFFul)]
    [TestCase(0x1_0000_0000ul)]
    public unsafe void ToMasks_AreSetWhereWordsReachTheThreshold(ulong threshold)
    {
        uint* words = stackalloc uint[PhiloxBlocks.Words];
        uint* narrow = stackalloc uint[PhiloxBlocks.Words];
        ulong* wide = stackalloc ulong[PhiloxBlocks.Words];
        uint[] interesting = [0, 4, 5, 6, 0x7FFF_FFFF, 0x8000_0000, 0x8000_0001, 0xFFFF_FFFE, 0xFFFF_FFFF];
        for (var i = 0; i < PhiloxBlocks.Words; i++)
            words[i] = interesting[i * 5 % interesting.Length];

        PhiloxBlocks.ToMasks(words, threshold, (float*)narrow);
        PhiloxBlocks.ToMasks(words, threshold, (double*)wide);

        for (var i = 0; i < PhiloxBlocks.Words; i++)
        {
            var isSet = words[i] >= threshold;
            Assert.That((narrow[i], wide[i]), Is.EqualTo(isSet ? (uint.MaxValue, ulong.MaxValue) : (0u, 0ul)), $"word {i}");
        }
    }
}
