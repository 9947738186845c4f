using System.Globalization;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Fuzzing;

/// <summary>Every reader of files, given damaged ones: each is read or refused with file and offset, soon, and within memory
/// as it has bytes. CUDABN_FUZZ_INPUTS raises their number, CUDABN_FUZZ_FIRST is the number of the first.</summary>
public class FuzzTests
{
    private const int InputsInAll = 20_000;

    private static readonly FuzzTarget[] _targets =
    [
        .. typeof(FuzzTarget).Assembly.GetTypes()
            .Where(type => type.IsSubclassOf(typeof(FuzzTarget)) && !type.IsAbstract)
            .OrderBy(type => type.Name, StringComparer.Ordinal)
            .Select(type => (FuzzTarget)Activator.CreateInstance(type)!),
    ];

    private static IEnumerable<string> Names => _targets.Select(target => target.Name);

    [TestCaseSource(nameof(Names))]
    public void Reader_OfDamagedFiles_ReadsOrRefuses(string name)
    {
        var count = Number("CUDABN_FUZZ_INPUTS", InputsInAll) / _targets.Length;
        using var folder = new TemporaryFolder();
        var run = FuzzRun.Of(
            _targets.Single(target => target.Name == name), Number("CUDABN_FUZZ_FIRST", 0), count, folder[""]);
        if (run.Fault is not null)
        {
            var saved = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"fuzz-{name}.bin");
            File.WriteAllBytes(saved, run.FaultyInput);
            Assert.Fail($"{run.Fault}\nThe input is saved as {saved}.");
        }

        TestContext.Out.WriteLine($"{name}: {run.Read} read, {run.Refused} refused");
        // Both must occur, or the damage is too weak or too strong to say anything.
        Assert.That(run.Read + run.Refused, Is.EqualTo(count));
        Assert.That(run.Read, Is.GreaterThan(count / 100));
        Assert.That(run.Refused, Is.GreaterThan(count / 4));
    }

    private static int Number(string variable, int otherwise) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text
            ? int.Parse(text, CultureInfo.InvariantCulture)
            : otherwise;
}
