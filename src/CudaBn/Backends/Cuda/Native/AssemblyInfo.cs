using System.Runtime.CompilerServices;

// Signatures of native functions use blittable types only: what is written is what is passed.
[assembly: DisableRuntimeMarshalling]
