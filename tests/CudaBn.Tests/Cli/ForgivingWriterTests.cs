using CudaBn.Cli;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

public class ForgivingWriterTests
{
    [Test]
    public void Write_WhileNothingCanBeWritten_IsLostAndSaidOnce()
    {
        using var inner = new FailingWriter { NewLine = "\n" };
        var faults = new List<string>();
        using var writer = new ForgivingWriter(inner, fault => faults.Add(fault.Message)) { NewLine = "\n" };
        writer.WriteLine("one");
        inner.IsFull = true;
        writer.WriteLine("two");
        writer.Write('2');
        writer.Write("22".ToCharArray(), 0, 2);
        writer.Flush();
        inner.IsFull = false;
        writer.Write("three");
        writer.Write('\n');

        Assert.That(inner.ToString(), Is.EqualTo("one\nthree\n"));
        Assert.That(faults, Is.EqualTo(new[] { "full" }));
        Assert.That(writer.Encoding, Is.SameAs(inner.Encoding));
    }

    [Test]
    public void Write_AfterTheEndOfTheOther_IsAFault()
    {
        var inner = new StringWriter();
        inner.Dispose();
        using var writer = new ForgivingWriter(inner, _ => { });
        Assert.That(() => writer.Write("text"), Throws.TypeOf<ObjectDisposedException>());
    }

    private sealed class FailingWriter : StringWriter
    {
        public bool IsFull { get; set; }

        public override void Write(char value) => Write([value]);

        public override void Write(ReadOnlySpan<char> buffer)
        {
            Flush();
            base.Write(buffer);
        }

        public override void Flush()
        {
            if (IsFull)
                throw new IOException("full");
        }
    }
}
