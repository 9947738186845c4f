using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests;

/// <summary>Chooses the CUDA device under test before any test can load the CUDA libraries.</summary>
[SetUpFixture]
public class CudaSetUp
{
    [OneTimeSetUp]
    public void Choose() => TestContext.Progress.WriteLine(CudaUnderTest.Describe());
}
