using System.Runtime.CompilerServices;
using NUnit.Framework;

namespace CudaBn.Tests;

/// <summary>The README.md that every package carries, which is read where there is no repository around it.</summary>
public class PackageReadmeTests
{
    private static readonly string _root = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", ".."));

    public static string[] Projects { get; } =
        [.. Directory.GetFiles(Path.Combine(_root, "src"), "*.csproj", SearchOption.AllDirectories)
            .Select(project => Path.GetFileName(Path.GetDirectoryName(project)!))];

    [TestCaseSource(nameof(Projects))]
    public void Examples_AreThoseOfTheRepositorys(string project)
    {
        var whole = File.ReadAllText(Path.Combine(_root, "README.md"));
        foreach (var block in Read(project).Split("```csharp\n").Skip(1))
            Assert.That(whole, Does.Contain(block[..block.IndexOf("```", StringComparison.Ordinal)]));
    }

    [TestCaseSource(nameof(Projects))]
    public void Links_DoNotLeadIntoTheRepository(string project) =>
        Assert.That(Read(project), Does.Not.Match(@"\]\((?!https://)").And.Not.Contain("<img"));

    private static string ThisFile([CallerFilePath] string path = "") => path;

    private static string Read(string project) => File.ReadAllText(Path.Combine(_root, "src", project, "README.md"));
}
