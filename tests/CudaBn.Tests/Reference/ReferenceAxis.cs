namespace CudaBn.Tests.Reference;

/// <summary>One axis of a convolution: its size, and what the kernel does along it.</summary>
public readonly record struct ReferenceAxis(
    int Size, int Kernel, int Stride = 1, int Begin = 0, int End = 0, int Dilation = 1)
{
    /// <summary>floor((size + begin + end - dilation * (kernel - 1) - 1) / stride + 1), as PyTorch documents it.</summary>
    public int OutputSize
    {
        get
        {
            var room = Size + Begin + End - Dilation * (Kernel - 1) - 1;
            return room < 0
                ? throw new ArgumentException(
                    $"a kernel of {Kernel} dilated by {Dilation} does not fit {Size} padded by {Begin} and {End}")
                : room / Stride + 1;
        }
    }

    /// <summary>An axis of one element, along which nothing happens.</summary>
    public static ReferenceAxis None => new(1, 1);

    /// <summary>The input that a kernel place brings to an output, or -1 for padding.</summary>
    public int Input(int output, int kernelPlace)
    {
        var input = output * Stride + kernelPlace * Dilation - Begin;
        return input >= 0 && input < Size ? input : -1;
    }
}
