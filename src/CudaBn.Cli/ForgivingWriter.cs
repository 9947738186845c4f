using System.Text;

namespace CudaBn.Cli;

/// <summary>Passes text on to another writer, and loses what that cannot write.</summary>
/// <param name="inner">Where it goes.</param>
/// <param name="onFirstLoss">Is told why, the first time.</param>
internal sealed class ForgivingWriter(TextWriter inner, Action<IOException> onFirstLoss) : TextWriter(inner.FormatProvider)
{
    private bool _hasLost;

    public override Encoding Encoding => inner.Encoding;

    public override void Write(char value) => Write([value]);

    public override void Write(char[] buffer, int index, int count) => Write(buffer.AsSpan(index, count));

    public override void Write(string? value) => Write(value.AsSpan());

    // In one piece, as others may write to the same file.
    public override void WriteLine(string? value) => Write($"{value}{NewLine}");

    public override void Write(ReadOnlySpan<char> buffer)
    {
        try
        {
            inner.Write(buffer);
        }
        catch (IOException fault)
        {
            Lose(fault);
        }
    }

    public override void Flush()
    {
        try
        {
            inner.Flush();
        }
        catch (IOException fault)
        {
            Lose(fault);
        }
    }

    private void Lose(IOException fault)
    {
        if (_hasLost)
            return;
        _hasLost = true;
        onFirstLoss(fault);
    }
}
