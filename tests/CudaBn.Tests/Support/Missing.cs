using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using NUnit.Framework;

namespace CudaBn.Tests.Support;

/// <summary>What becomes of a test where this machine lacks what it needs.</summary>
internal static class Missing
{
    /// <summary>Ignores the test; or fails it where a variable of the environment is 1, by which continuous integration says that
    /// nothing may be missing.</summary>
    /// <param name="variable">The variable's name.</param>
    /// <param name="obstacle">What is missing.</param>
    /// <param name="package">The Debian package that has it.</param>
    [DoesNotReturn]
    public static void Report(string variable, string obstacle, string package)
    {
        if (Environment.GetEnvironmentVariable(variable) == "1")
            Assert.Fail($"{variable} is 1, but {obstacle}");
        Assert.Ignore($"{obstacle}; install Debian's package {package} to run this");
        throw new UnreachableException();
    }
}
