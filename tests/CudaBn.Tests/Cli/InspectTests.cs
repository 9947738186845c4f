using System.Runtime.InteropServices;
using System.Text.Json;
using CudaBn.Cli;
using CudaBn.Serialization;
using CudaBn.Tests.Serialization;
using NUnit.Framework;
using SkiaSharp;

namespace CudaBn.Tests.Cli;

public class InspectTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [TestCase("few.safetensors", "safetensors")]
    [TestCase("few.npz", "npz")]
    public void Inspect_ListsTensorsMetadataAndTotals(string name, string format)
    {
        WriteFew(name);
        using var inspect = Run("inspect", name);

        Assert.That(inspect.ExitCode, Is.Zero, inspect.Error);
        Assert.That(inspect.Lines[0], Is.EqualTo(
            $"file     {name}, {format}, {new FileInfo(_folder[name]).Length:N0} bytes"));
        Assert.That(inspect.Lines[1], Is.EqualTo(@"metadata note: a\u001B[31m\nb"));
        var rows = inspect.Lines[2..].ToDictionary(
            line => line.Split(' ')[0],
            line => line.Split("  ", StringSplitOptions.RemoveEmptyEntries).Select(cell => cell.Trim()).ToArray());
        Assert.That(rows["tensor"], Is.EqualTo(new[]
        {
            "tensor", "type", "shape", "bytes", "min", "max", "mean", "norm", "NaN", "inf",
        }));
        Assert.That(rows["w"], Is.EqualTo(new[] { "w", "F32", "[2, 3]", "24", "-3", "4", "0.5", "5.099", "1", "1" }));
        Assert.That(rows["n"], Is.EqualTo(new[] { "n", "I64", "[]", "8", "7", "7", "7", "7", "0", "0" }));
        Assert.That(rows["none"], Is.EqualTo(new[] { "none", "U8", "[0, 5]", "0", "-", "-", "-", "-", "0", "0" }));
        Assert.That(rows["3"], Is.EqualTo(new[] { "3 tensors", "7 values", "32", "1", "1" }));
    }

    [Test]
    public void Inspect_TypesThatAreNotRead_AreListed()
    {
        SafeTensorsWriter.Write(
            _folder["f8.safetensors"],
            [
                new TensorSource("e", "F8_E4M3", [2, 2], stream => stream.Write([1, 2, 3, 4])),
                new TensorSource("f", "F4", [2], stream => stream.Write([5])),
                new TensorSource("w", "F32", [1], stream => stream.Write(new byte[4])),
            ]);
        using var inspect = Run("inspect", "f8.safetensors", "--plot", "f8.png");
        Assert.That(inspect.ExitCode, Is.Zero, inspect.Error);
        Assert.That(inspect.Output, Does.Match(@"\ne +F8_E4M3 +\[2, 2\] +4 +- +- +- +- +- +-\n"));
        Assert.That(inspect.Output, Does.Match(@"\nf +F4 +\[2\] +1 +- +- +- +- +- +-\n"));
        Assert.That(inspect.Output, Does.Match(@"\nw +F32 +\[1\] +4 +0 +0 +0 +0 +0 +0\n"));
        using var json = Run("inspect", "f8.safetensors", "--json");
        using var parsed = JsonDocument.Parse(json.Output);
        Assert.That(
            parsed.RootElement.GetProperty("tensors").EnumerateArray().Count(
                tensor => tensor.GetProperty("nan").ValueKind == JsonValueKind.Null), Is.EqualTo(2));
    }

    [Test]
    public void Inspect_Json_HoldsTheSame()
    {
        WriteFew("few.npz");
        using var inspect = Run("inspect", "few.npz", "--json");

        Assert.That(inspect.ExitCode, Is.Zero, inspect.Error);
        using var json = JsonDocument.Parse(inspect.Output);
        var root = json.RootElement;
        Assert.That(root.GetProperty("file").GetString(), Is.EqualTo("few.npz"));
        Assert.That(root.GetProperty("format").GetString(), Is.EqualTo("npz"));
        Assert.That(root.GetProperty("bytes").GetInt64(), Is.EqualTo(new FileInfo(_folder["few.npz"]).Length));
        Assert.That(root.GetProperty("metadata").GetProperty("note").GetString(), Is.EqualTo("a\u001b[31m\nb"));
        var w = root.GetProperty("tensors").EnumerateArray().Single(t => t.GetProperty("name").GetString() == "w");
        Assert.That(w.GetProperty("dtype").GetString(), Is.EqualTo("F32"));
        Assert.That(w.GetProperty("shape").EnumerateArray().Select(size => size.GetInt32()), Is.EqualTo(new[] { 2, 3 }));
        Assert.That(w.GetProperty("norm").GetDouble(), Is.EqualTo(Math.Sqrt(26)).Within(1e-15));
        Assert.That(w.GetProperty("nan").GetInt64(), Is.EqualTo(1));
        Assert.That(w.GetProperty("inf").GetInt64(), Is.EqualTo(1));
        var none = root.GetProperty("tensors").EnumerateArray().Single(t => t.GetProperty("name").GetString() == "none");
        Assert.That(none.GetProperty("min").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(root.GetProperty("totals").GetProperty("values").GetInt64(), Is.EqualTo(7));
    }

    [Test]
    public void Inspect_Run_IsThatOfItsWeights_AndPlotIsWritten()
    {
        Directory.CreateDirectory(_folder["run"]);
        WriteFew("run/model.safetensors");
        using var inspect = Run("inspect", "run", "--plot", "plot.png");

        Assert.That(inspect.ExitCode, Is.Zero, inspect.Error);
        Assert.That(inspect.Lines[0], Does.StartWith($"file     {Path.Combine("run", "model.safetensors")}, safetensors"));
        using var picture = SKBitmap.Decode(_folder["plot.png"]);
        Assert.That(picture, Is.Not.Null);
    }

    [TestCase("inspect nowhere.npz", 1, "nowhere.npz")]
    [TestCase("inspect broken.npz", 1, "broken.npz: byte 0: expected")]
    [TestCase("inspect few.npz --plot few.npz", 2, "--plot few.npz: expected a name that ends in .png")]
    [TestCase("inspect few.npz --plot nowhere/a.png", 1, "cannot write nowhere/a.png")]
    [TestCase("convert few.npz few.pt", 2, "few.pt: expected a name that ends in .safetensors or .npz")]
    [TestCase("convert few.npz", 2, "OUT")]
    [TestCase("convert nowhere.npz a.safetensors", 1, "nowhere.npz")]
    [TestCase("convert broken.npz a.safetensors", 1, "broken.npz: byte 0: expected")]
    [TestCase("convert few.npz few.npz", 1, "few.npz: exists already; --force")]
    [TestCase("convert few.npz nowhere/a.npz", 1, "cannot write nowhere/a.npz")]
    public void Faults_AreOneLineAndChangeNothing(string arguments, int exitCode, string message)
    {
        WriteFew("few.npz");
        File.WriteAllText(_folder["broken.npz"], "not tensors at all");
        var before = File.ReadAllBytes(_folder["few.npz"]);
        using var command = Run(arguments.Split(' '));

        Assert.That(command.ExitCode, Is.EqualTo(exitCode));
        Assert.That(command.Error, Does.StartWith("cudabn: ").And.Contain(message));
        Assert.That(command.Error.TrimEnd().Split('\n'), Has.Length.EqualTo(1));
        Assert.That(File.ReadAllBytes(_folder["few.npz"]), Is.EqualTo(before));
        Assert.That(_folder.FileNames(), Is.EqualTo(new[] { "broken.npz", "few.npz" }));
    }

    [TestCase(1)]
    [TestCase(9)]
    [TestCase(40)]
    public void Picture_HoldsAPanelForEveryTensor(int count)
    {
        var values = Enumerable.Range(0, 1000).Select(i => (float)Math.Sin(i)).ToArray();
        SafeTensorsWriter.Write(_folder["f"], Enumerable.Range(0, count).Select(i => new TensorSource(
            $"layer{i}.a.name.that.goes.on.and.on.weight", "F32", [1000],
            stream => stream.Write(MemoryMarshal.AsBytes<float>(values)))));
        using var file = TensorFile.Open(_folder["f"]);
        HistogramsPicture.Write(_folder["p.png"], file, Inspected(file));

        using var picture = SKBitmap.Decode(_folder["p.png"]);
        var pixels = picture.Pixels;
        var blue = pixels.Count(pixel => pixel == SKColor.Parse(Palette.Blue));
        Assert.That(blue, Is.GreaterThan(count * 5000));
        Assert.That(pixels.Count(pixel => pixel == SKColors.White), Is.GreaterThan(pixels.Length / 3));
    }

    [Test]
    public void Picture_OfOddTensors_IsWritten()
    {
        SafeTensorsWriter.Write(_folder["f"],
        [
            Source("none", "F32", [0], Array.Empty<float>()), Source("nan", "F32", [2], new[] { float.NaN, float.NegativeInfinity }),
            Source("one", "F64", [], new[] { 1e300 }), Source("huge", "F64", [2], new[] { -1.7e308, 1.7e308 }),
            Source("tiny", "F64", [2], new[] { 0, 5e-324 }), Source("bool", "BOOL", [3], new byte[] { 0, 1, 1 }),
            Source("zero", "F32", [3], new float[3]), Source("wide", "U64", [2], new ulong[] { 0, ulong.MaxValue }),
        ]);
        using var file = TensorFile.Open(_folder["f"]);
        HistogramsPicture.Write(_folder["p.png"], file, Inspected(file));
        using var picture = SKBitmap.Decode(_folder["p.png"]);
        Assert.That(picture.Pixels, Does.Contain(SKColor.Parse(Palette.Red)), "the count of NaN");

        SafeTensorsWriter.Write(_folder["empty"], []);
        using var empty = TensorFile.Open(_folder["empty"]);
        HistogramsPicture.Write(_folder["e.png"], empty, Inspected(empty));
        Assert.That(File.Exists(_folder["e.png"]), Is.True);
    }

    private void WriteFew(string name) => TensorFile.Write(
        _folder[name],
        [
            Source("w", "F32", [2, 3], new[] { 1, -3, 4, float.NaN, float.PositiveInfinity, 0 }),
            Source("n", "I64", [], new[] { 7L }),
            Source("none", "U8", [0, 5], Array.Empty<byte>()),
        ],
        new Dictionary<string, string> { ["note"] = "a\u001b[31m\nb" });

    private static TensorSource Source<T>(string name, string dtype, long[] shape, T[] values)
        where T : unmanaged =>
        new(name, dtype, [.. shape], stream => stream.Write(MemoryMarshal.AsBytes(values.AsSpan())));

    private static List<InspectedTensor> Inspected(ITensorFile file) =>
        [.. file.Tensors.Select(entry => new InspectedTensor(entry, TensorStatistics.Of(file, entry)))];

    private CudabnProcess Run(params string[] arguments) => CudabnProcess.Run(_folder[""], arguments);
}
