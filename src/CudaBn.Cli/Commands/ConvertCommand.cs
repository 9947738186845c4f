using System.CommandLine;
using System.Text;
using CudaBn.Serialization;

namespace CudaBn.Cli;

/// <summary><c>cudabn convert</c>: the tensors of a file in another format, every value as it was.</summary>
internal static class ConvertCommand
{
    private const string SafeTensorsExtension = ".safetensors";
    private const int PieceLength = 1 << 16;

    public static Command Create()
    {
        var source = new Argument<string>("IN") { Description = "A safetensors or npz file, told apart by content" };
        var target = new Argument<string>("OUT") { Description = "The new file; its name ends in .safetensors or .npz" };
        var force = new Option<bool>("--force") { Description = "Replace OUT if it exists" };
        var command = new Command(
            "convert", "Writes the tensors of a file in another format, without loss, and says what the format cannot keep.")
        {
            source, target, force,
        };
        command.SetAction(
            parsed => Convert(parsed.GetValue(source)!, parsed.GetValue(target)!, parsed.GetValue(force)));
        return command;
    }

    private static int Convert(string source, string target, bool isForced)
    {
        var isNpz = TensorFile.IsNpz(target);
        if (!isNpz && !Path.GetExtension(target).Equals(SafeTensorsExtension, StringComparison.OrdinalIgnoreCase))
        {
            throw new UsageException(
                $"{target}: expected a name that ends in {SafeTensorsExtension} or {TensorFile.NpzExtension}.");
        }

        using var interruption = new Interruption(endsAtOnce: true);
        using var file = TensorFormats.Open(source);
        if (!isForced && (File.Exists(target) || Directory.Exists(target)))
            throw new IOException($"{target}: exists already; --force replaces a file.");

        var metadata = file.Metadata;
        var notes = new List<string>();
        if (isNpz)
        {
            if (file.Tensors.FirstOrDefault(tensor => !TensorValues.CanRead(tensor.DType)) is { } strange)
                throw new UsageException(
                    $"{target}: expected a name that ends in {SafeTensorsExtension}, for {source} has elements that npz lacks: "
                    + $"{strange.Name} is of {strange.DType}.");
            var length = Encoding.UTF8.GetByteCount(NpzWriter.Comment(metadata));
            if (length > NpzWriter.LongestComment)
            {
                notes.Add(Text.Of(
                    $"metadata left out: {length:N0} bytes, and an npz file holds {NpzWriter.LongestComment:N0}"));
                metadata = new Dictionary<string, string>();
            }

            var widened = file.Tensors.Count(NeedsWidening);
            if (widened > 0)
                notes.Add(Text.Of($"{widened:N0} of BF16, which NumPy lacks, as F32: the same values in twice the room"));
        }

        TensorFile.Write(target, file.Tensors.Select(tensor => SourceOf(file, tensor, isNpz)), metadata);
        Console.WriteLine(Text.Of(
            $"{target}: {file.Tensors.Count:N0} tensors of {file.Format}, {new FileInfo(target).Length:N0} bytes"));
        foreach (var note in notes)
            Terminal.WriteField("note", note);
        return ExitCodes.Done;
    }

    private static bool NeedsWidening(TensorEntry tensor) => NpyDType.FromSafeTensors(tensor.DType) is null;

    private static TensorSource SourceOf(ITensorFile file, TensorEntry tensor, bool isNpz) =>
        isNpz && NeedsWidening(tensor)
            ? new TensorSource(tensor.Name, "F32", tensor.Shape, stream => CopyWidened(file, tensor, stream))
            : new TensorSource(tensor.Name, tensor.DType, tensor.Shape, stream => Copy(file, tensor, stream));

    private static void Copy(ITensorFile file, TensorEntry tensor, Stream target)
    {
        using var elements = file.OpenElements(tensor);
        elements.CopyTo(target);
    }

    private static void CopyWidened(ITensorFile file, TensorEntry tensor, Stream target)
    {
        using var elements = file.OpenElements(tensor);
        var bytes = new byte[PieceLength];
        for (var rest = tensor.Length; rest > 0;)
        {
            var piece = bytes.AsSpan(0, (int)Math.Min(rest, bytes.Length));
            elements.ReadExactly(piece);
            target.Write(WidenedElements.Widen(piece, tensor.DType, DType.Float32));
            rest -= piece.Length;
        }
    }
}
