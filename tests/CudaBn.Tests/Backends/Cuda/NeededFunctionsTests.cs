using System.Reflection;
using System.Runtime.InteropServices;
using CudaBn.Backends.Cuda.Native;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

public class NeededFunctionsTests
{
    [Test]
    public void Lists_NameEveryFunctionThatIsBound()
    {
        Assert.That(NeededFunctions.Driver.Append("cuFuncGetParamInfo"), Is.EquivalentTo(BoundBy(typeof(Driver))));
        Assert.That(NeededFunctions.Nvrtc, Is.EquivalentTo(BoundBy(typeof(Nvrtc))));
        Assert.That(NeededFunctions.Cublas, Is.EquivalentTo(BoundBy(typeof(Cublas))));
    }

    [Test]
    public void LibrariesUnderTest_HaveThem()
    {
        CudaUnderTest.Open();
        Assert.That(NativeLibraries.Find(NativeLibraries.Driver).FirstMissing(NeededFunctions.Driver), Is.Null);
        Assert.That(NativeLibraries.Find(NativeLibraries.Nvrtc).FirstMissing(NeededFunctions.Nvrtc), Is.Null);
        Assert.That(NativeLibraries.Find(NativeLibraries.Cublas).FirstMissing(NeededFunctions.Cublas), Is.Null);
    }

    private static IEnumerable<string> BoundBy(Type type) =>
        type.GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly)
            .Where(method => method.ReturnType != typeof(void) || method.IsDefined(typeof(DllImportAttribute)))
            .Select(method => method.Name);
}
