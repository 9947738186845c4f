using System.Numerics;
using System.Runtime.CompilerServices;
using CudaBn.Backends.Cpu.Simd;

namespace CudaBn.Backends.Cpu;

/// <summary>The innermost loops of the weight gradient: a tile of dot products over positions and lanes, kept in
/// registers over a rectangle of output positions.</summary>
internal static unsafe class DotKernel<TSimd, TVector, T>
    where TSimd : struct, ISimd<TVector, T>
    where TVector : unmanaged
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Rows of a tile: four gradients of output channels.</summary>
    public const int TileRows = 4;

    /// <summary>The widest tile: six inputs, or three with sixteen registers.</summary>
    public static int MaxColumns => TSimd.MaxRows >= 12 ? 6 : 3;

    /// <summary>sums[row * columns + column] += sum over positions of gradient[row] * input[column], a sum being a
    /// register whose lanes are yet to be added up.</summary>
    /// <param name="columns">2 to 6.</param>
    /// <param name="gradients">Four addresses of the first position, one per row.</param>
    /// <param name="inputs">As many addresses of the first position as there are columns.</param>
    /// <param name="sums">Four times as many registers as there are columns.</param>
    /// <param name="positions">The rectangle of positions.</param>
    public static void Run(int columns, T** gradients, T** inputs, T* sums, in PositionRectangle positions)
    {
        switch (columns)
        {
            case 2: Columns2(gradients, inputs, sums, in positions); break;
            case 3: Columns3(gradients, inputs, sums, in positions); break;
            case 4: Columns4(gradients, inputs, sums, in positions); break;
            case 5: Columns5(gradients, inputs, sums, in positions); break;
            case 6: Columns6(gradients, inputs, sums, in positions); break;
            default:
                throw new ArgumentOutOfRangeException(
                    nameof(columns), columns, "There is no kernel of that many columns.");
        }
    }

    [MethodImpl(Compiled.AsLoop)]
    private static void Columns2(T** gradients, T** inputs, T* sums, in PositionRectangle positions)
    {
        T* g0 = gradients[0], g1 = gradients[1], g2 = gradients[2], g3 = gradients[3];
        T* x0 = inputs[0], x1 = inputs[1];
        var s00 = TSimd.Load(sums);
        var s01 = TSimd.Load(sums + TSimd.Count);
        var s10 = TSimd.Load(sums + 2 * TSimd.Count);
        var s11 = TSimd.Load(sums + 3 * TSimd.Count);
        var s20 = TSimd.Load(sums + 4 * TSimd.Count);
        var s21 = TSimd.Load(sums + 5 * TSimd.Count);
        var s30 = TSimd.Load(sums + 6 * TSimd.Count);
        var s31 = TSimd.Load(sums + 7 * TSimd.Count);
        int rows = positions.Rows, columns = positions.Columns;
        nint gradientStep = positions.GradientColumnStep, inputStep = positions.InputColumnStep;
        nint gradientRow = 0, inputRow = 0;
        for (var row = 0; row < rows; row++)
        {
            nint g = gradientRow, x = inputRow;
            for (var column = 0; column < columns; column++)
            {
                // A position is two registers of lanes.
                {
                    var v0 = TSimd.Load(g0 + g);
                    var v1 = TSimd.Load(g1 + g);
                    var v2 = TSimd.Load(g2 + g);
                    var v3 = TSimd.Load(g3 + g);
                    var u0 = TSimd.Load(x0 + x);
                    s00 = TSimd.MultiplyAdd(v0, u0, s00);
                    s10 = TSimd.MultiplyAdd(v1, u0, s10);
                    s20 = TSimd.MultiplyAdd(v2, u0, s20);
                    s30 = TSimd.MultiplyAdd(v3, u0, s30);
                    var u1 = TSimd.Load(x1 + x);
                    s01 = TSimd.MultiplyAdd(v0, u1, s01);
                    s11 = TSimd.MultiplyAdd(v1, u1, s11);
                    s21 = TSimd.MultiplyAdd(v2, u1, s21);
                    s31 = TSimd.MultiplyAdd(v3, u1, s31);
                }

                {
                    var v0 = TSimd.Load(g0 + g + TSimd.Count);
                    var v1 = TSimd.Load(g1 + g + TSimd.Count);
                    var v2 = TSimd.Load(g2 + g + TSimd.Count);
                    var v3 = TSimd.Load(g3 + g + TSimd.Count);
                    var u0 = TSimd.Load(x0 + x + TSimd.Count);
                    s00 = TSimd.MultiplyAdd(v0, u0, s00);
                    s10 = TSimd.MultiplyAdd(v1, u0, s10);
                    s20 = TSimd.MultiplyAdd(v2, u0, s20);
                    s30 = TSimd.MultiplyAdd(v3, u0, s30);
                    var u1 = TSimd.Load(x1 + x + TSimd.Count);
                    s01 = TSimd.MultiplyAdd(v0, u1, s01);
                    s11 = TSimd.MultiplyAdd(v1, u1, s11);
                    s21 = TSimd.MultiplyAdd(v2, u1, s21);
                    s31 = TSimd.MultiplyAdd(v3, u1, s31);
                }

                g += gradientStep;
                x += inputStep;
            }

            gradientRow += positions.GradientRowStep;
            inputRow += positions.InputRowStep;
        }

        TSimd.Store(s00, sums);
        TSimd.Store(s01, sums + TSimd.Count);
        TSimd.Store(s10, sums + 2 * TSimd.Count);
        TSimd.Store(s11, sums + 3 * TSimd.Count);
        TSimd.Store(s20, sums + 4 * TSimd.Count);
        TSimd.Store(s21, sums + 5 * TSimd.Count);
        TSimd.Store(s30, sums + 6 * TSimd.Count);
        TSimd.Store(s31, sums + 7 * TSimd.Count);
    }

    [MethodImpl(Compiled.AsLoop)]
    private static void Columns3(T** gradients, T** inputs, T* sums, in PositionRectangle positions)
    {
        T* g0 = gradients[0], g1 = gradients[1], g2 = gradients[2], g3 = gradients[3];
        T* x0 = inputs[0], x1 = inputs[1], x2 = inputs[2];
        var s00 = TSimd.Load(sums);
        var s01 = TSimd.Load(sums + TSimd.Count);
        var s02 = TSimd.Load(sums + 2 * TSimd.Count);
        var s10 = TSimd.Load(sums + 3 * TSimd.Count);
        var s11 = TSimd.Load(sums + 4 * TSimd.Count);
        var s12 = TSimd.Load(sums + 5 * TSimd.Count);
        var s20 = TSimd.Load(sums + 6 * TSimd.Count);
        var s21 = TSimd.Load(sums + 7 * TSimd.Count);
        var s22 = TSimd.Load(sums + 8 * TSimd.Count);
        var s30 = TSimd.Load(sums + 9 * TSimd.Count);
        var s31 = TSimd.Load(sums + 10 * TSimd.Count);
        var s32 = TSimd.Load(sums + 11 * TSimd.Count);
        int rows = positions.Rows, columns = positions.Columns;
        nint gradientStep = positions.GradientColumnStep, inputStep = positions.InputColumnStep;
        nint gradientRow = 0, inputRow = 0;
        for (var row = 0; row < rows; row++)
        {
            nint g = gradientRow, x = inputRow;
            for (var column = 0; column < columns; column++)
            {
                // A position is two registers of lanes.
                {
                    // Three inputs in registers and one gradient at a time: with twelve sums, sixteen registers.
                    var u0 = TSimd.Load(x0 + x);
                    var u1 = TSimd.Load(x1 + x);
                    var u2 = TSimd.Load(x2 + x);
                    var v0 = TSimd.Load(g0 + g);
                    s00 = TSimd.MultiplyAdd(v0, u0, s00);
                    s01 = TSimd.MultiplyAdd(v0, u1, s01);
                    s02 = TSimd.MultiplyAdd(v0, u2, s02);
                    var v1 = TSimd.Load(g1 + g);
                    s10 = TSimd.MultiplyAdd(v1, u0, s10);
                    s11 = TSimd.MultiplyAdd(v1, u1, s11);
                    s12 = TSimd.MultiplyAdd(v1, u2, s12);
                    var v2 = TSimd.Load(g2 + g);
                    s20 = TSimd.MultiplyAdd(v2, u0, s20);
                    s21 = TSimd.MultiplyAdd(v2, u1, s21);
                    s22 = TSimd.MultiplyAdd(v2, u2, s22);
                    var v3 = TSimd.Load(g3 + g);
                    s30 = TSimd.MultiplyAdd(v3, u0, s30);
                    s31 = TSimd.MultiplyAdd(v3, u1, s31);
                    s32 = TSimd.MultiplyAdd(v3, u2, s32);
                }

                {
                    var u0 = TSimd.Load(x0 + x + TSimd.Count);
                    var u1 = TSimd.Load(x1 + x + TSimd.Count);
                    var u2 = TSimd.Load(x2 + x + TSimd.Count);
                    var v0 = TSimd.Load(g0 + g + TSimd.Count);
                    s00 = TSimd.MultiplyAdd(v0, u0, s00);
                    s01 = TSimd.MultiplyAdd(v0, u1, s01);
                    s02 = TSimd.MultiplyAdd(v0, u2, s02);
                    var v1 = TSimd.Load(g1 + g + TSimd.Count);
                    s10 = TSimd.MultiplyAdd(v1, u0, s10);
                    s11 = TSimd.MultiplyAdd(v1, u1, s11);
                    s12 = TSimd.MultiplyAdd(v1, u2, s12);
                    var v2 = TSimd.Load(g2 + g + TSimd.Count);
                    s20 = TSimd.MultiplyAdd(v2, u0, s20);
                    s21 = TSimd.MultiplyAdd(v2, u1, s21);
                    s22 = TSimd.MultiplyAdd(v2, u2, s22);
                    var v3 = TSimd.Load(g3 + g + TSimd.Count);
                    s30 = TSimd.MultiplyAdd(v3, u0, s30);
                    s31 = TSimd.MultiplyAdd(v3, u1, s31);
                    s32 = TSimd.MultiplyAdd(v3, u2, s32);
                }

                g += gradientStep;
                x += inputStep;
            }

            gradientRow += positions.GradientRowStep;
            inputRow += positions.InputRowStep;
        }

        TSimd.Store(s00, sums);
        TSimd.Store(s01, sums + TSimd.Count);
        TSimd.Store(s02, sums + 2 * TSimd.Count);
        TSimd.Store(s10, sums + 3 * TSimd.Count);
        TSimd.Store(s11, sums + 4 * TSimd.Count);
        TSimd.Store(s12, sums + 5 * TSimd.Count);
        TSimd.Store(s20, sums + 6 * TSimd.Count);
        TSimd.Store(s21, sums + 7 * TSimd.Count);
        TSimd.Store(s22, sums + 8 * TSimd.Count);
        TSimd.Store(s30, sums + 9 * TSimd.Count);
        TSimd.Store(s31, sums + 10 * TSimd.Count);
        TSimd.Store(s32, sums + 11 * TSimd.Count);
    }

    [MethodImpl(Compiled.AsLoop)]
    private static void Columns4(T** gradients, T** inputs, T* sums, in PositionRectangle positions)
    {
        T* g0 = gradients[0], g1 = gradients[1], g2 = gradients[2], g3 = gradients[3];
        T* x0 = inputs[0], x1 = inputs[1], x2 = inputs[2], x3 = inputs[3];
        var s00 = TSimd.Load(sums);
        var s01 = TSimd.Load(sums + TSimd.Count);
        var s02 = TSimd.Load(sums + 2 * TSimd.Count);
        var s03 = TSimd.Load(sums + 3 * TSimd.Count);
        var s10 = TSimd.Load(sums + 4 * TSimd.Count);
        var s11 = TSimd.Load(sums + 5 * TSimd.Count);
        var s12 = TSimd.Load(sums + 6 * TSimd.Count);
        var s13 = TSimd.Load(sums + 7 * TSimd.Count);
        var s20 = TSimd.Load(sums + 8 * TSimd.Count);
        var s21 = TSimd.Load(sums + 9 * TSimd.Count);
        var s22 = TSimd.Load(sums + 10 * TSimd.Count);
        var s23 = TSimd.Load(sums + 11 * TSimd.Count);
        var s30 = TSimd.Load(sums + 12 * TSimd.Count);
        var s31 = TSimd.Load(sums + 13 * TSimd.Count);
        var s32 = TSimd.Load(sums + 14 * TSimd.Count);
        var s33 = TSimd.Load(sums + 15 * TSimd.Count);
        int rows = positions.Rows, columns = positions.Columns;
        nint gradientStep = positions.GradientColumnStep, inputStep = positions.InputColumnStep;
        nint gradientRow = 0, inputRow = 0;
        for (var row = 0; row < rows; row++)
        {
            nint g = gradientRow, x = inputRow;
            for (var column = 0; column < columns; column++)
            {
                // A position is two registers of lanes.
                {
                    var v0 = TSimd.Load(g0 + g);
                    var v1 = TSimd.Load(g1 + g);
                    var v2 = TSimd.Load(g2 + g);
                    var v3 = TSimd.Load(g3 + g);
                    var u0 = TSimd.Load(x0 + x);
                    s00 = TSimd.MultiplyAdd(v0, u0, s00);
                    s10 = TSimd.MultiplyAdd(v1, u0, s10);
                    s20 = TSimd.MultiplyAdd(v2, u0, s20);
                    s30 = TSimd.MultiplyAdd(v3, u0, s30);
                    var u1 = TSimd.Load(x1 + x);
                    s01 = TSimd.MultiplyAdd(v0, u1, s01);
                    s11 = TSimd.MultiplyAdd(v1, u1, s11);
                    s21 = TSimd.MultiplyAdd(v2, u1, s21);
                    s31 = TSimd.MultiplyAdd(v3, u1, s31);
                    var u2 = TSimd.Load(x2 + x);
                    s02 = TSimd.MultiplyAdd(v0, u2, s02);
                    s12 = TSimd.MultiplyAdd(v1, u2, s12);
                    s22 = TSimd.MultiplyAdd(v2, u2, s22);
                    s32 = TSimd.MultiplyAdd(v3, u2, s32);
                    var u3 = TSimd.Load(x3 + x);
                    s03 = TSimd.MultiplyAdd(v0, u3, s03);
                    s13 = TSimd.MultiplyAdd(v1, u3, s13);
                    s23 = TSimd.MultiplyAdd(v2, u3, s23);
                    s33 = TSimd.MultiplyAdd(v3, u3, s33);
                }

                {
                    var v0 = TSimd.Load(g0 + g + TSimd.Count);
                    var v1 = TSimd.Load(g1 + g + TSimd.Count);
                    var v2 = TSimd.Load(g2 + g + TSimd.Count);
                    var v3 = TSimd.Load(g3 + g + TSimd.Count);
                    var u0 = TSimd.Load(x0 + x + TSimd.Count);
                    s00 = TSimd.MultiplyAdd(v0, u0, s00);
                    s10 = TSimd.MultiplyAdd(v1, u0, s10);
                    s20 = TSimd.MultiplyAdd(v2, u0, s20);
                    s30 = TSimd.MultiplyAdd(v3, u0, s30);
                    var u1 = TSimd.Load(x1 + x + TSimd.Count);
                    s01 = TSimd.MultiplyAdd(v0, u1, s01);
                    s11 = TSimd.MultiplyAdd(v1, u1, s11);
                    s21 = TSimd.MultiplyAdd(v2, u1, s21);
                    s31 = TSimd.MultiplyAdd(v3, u1, s31);
                    var u2 = TSimd.Load(x2 + x + TSimd.Count);
                    s02 = TSimd.MultiplyAdd(v0, u2, s02);
                    s12 = TSimd.MultiplyAdd(v1, u2, s12);
                    s22 = TSimd.MultiplyAdd(v2, u2, s22);
                    s32 = TSimd.MultiplyAdd(v3, u2, s32);
                    var u3 = TSimd.Load(x3 + x + TSimd.Count);
                    s03 = TSimd.MultiplyAdd(v0, u3, s03);
                    s13 = TSimd.MultiplyAdd(v1, u3, s13);
                    s23 = TSimd.MultiplyAdd(v2, u3, s23);
                    s33 = TSimd.MultiplyAdd(v3, u3, s33);
                }

                g += gradientStep;
                x += inputStep;
            }

            gradientRow += positions.GradientRowStep;
            inputRow += positions.InputRowStep;
        }

        TSimd.Store(s00, sums);
        TSimd.Store(s01, sums + TSimd.Count);
        TSimd.Store(s02, sums + 2 * TSimd.Count);
        TSimd.Store(s03, sums + 3 * TSimd.Count);
        TSimd.Store(s10, sums + 4 * TSimd.Count);
        TSimd.Store(s11, sums + 5 * TSimd.Count);
        TSimd.Store(s12, sums + 6 * TSimd.Count);
        TSimd.Store(s13, sums + 7 * TSimd.Count);
        TSimd.Store(s20, sums + 8 * TSimd.Count);
        TSimd.Store(s21, sums + 9 * TSimd.Count);
        TSimd.Store(s22, sums + 10 * TSimd.Count);
        TSimd.Store(s23, sums + 11 * TSimd.Count);
        TSimd.Store(s30, sums + 12 * TSimd.Count);
        TSimd.Store(s31, sums + 13 * TSimd.Count);
        TSimd.Store(s32, sums + 14 * TSimd.Count);
        TSimd.Store(s33, sums + 15 * TSimd.Count);
    }

    [MethodImpl(Compiled.AsLoop)]
    private static void Columns5(T** gradients, T** inputs, T* sums, in PositionRectangle positions)
    {
        T* g0 = gradients[0], g1 = gradients[1], g2 = gradients[2], g3 = gradients[3];
        T* x0 = inputs[0], x1 = inputs[1], x2 = inputs[2], x3 = inputs[3], x4 = inputs[4];
        var s00 = TSimd.Load(sums);
        var s01 = TSimd.Load(sums + TSimd.Count);
        var s02 = TSimd.Load(sums + 2 * TSimd.Count);
        var s03 = TSimd.Load(sums + 3 * TSimd.Count);
        var s04 = TSimd.Load(sums + 4 * TSimd.Count);
        var s10 = TSimd.Load(sums + 5 * TSimd.Count);
        var s11 = TSimd.Load(sums + 6 * TSimd.Count);
        var s12 = TSimd.Load(sums + 7 * TSimd.Count);
        var s13 = TSimd.Load(sums + 8 * TSimd.Count);
        var s14 = TSimd.Load(sums + 9 * TSimd.Count);
        var s20 = TSimd.Load(sums + 10 * TSimd.Count);
        var s21 = TSimd.Load(sums + 11 * TSimd.Count);
        var s22 = TSimd.Load(sums + 12 * TSimd.Count);
        var s23 = TSimd.Load(sums + 13 * TSimd.Count);
        var s24 = TSimd.Load(sums + 14 * TSimd.Count);
        var s30 = TSimd.Load(sums + 15 * TSimd.Count);
        var s31 = TSimd.Load(sums + 16 * TSimd.Count);
        var s32 = TSimd.Load(sums + 17 * TSimd.Count);
        var s33 = TSimd.Load(sums + 18 * TSimd.Count);
        var s34 = TSimd.Load(sums + 19 * TSimd.Count);
        int rows = positions.Rows, columns = positions.Columns;
        nint gradientStep = positions.GradientColumnStep, inputStep = positions.InputColumnStep;
        nint gradientRow = 0, inputRow = 0;
        for (var row = 0; row < rows; row++)
        {
            nint g = gradientRow, x = inputRow;
            for (var column = 0; column < columns; column++)
            {
                // A position is two registers of lanes.
                {
                    var v0 = TSimd.Load(g0 + g);
                    var v1 = TSimd.Load(g1 + g);
                    var v2 = TSimd.Load(g2 + g);
                    var v3 = TSimd.Load(g3 + g);
                    var u0 = TSimd.Load(x0 + x);
                    s00 = TSimd.MultiplyAdd(v0, u0, s00);
                    s10 = TSimd.MultiplyAdd(v1, u0, s10);
                    s20 = TSimd.MultiplyAdd(v2, u0, s20);
                    s30 = TSimd.MultiplyAdd(v3, u0, s30);
                    var u1 = TSimd.Load(x1 + x);
                    s01 = TSimd.MultiplyAdd(v0, u1, s01);
                    s11 = TSimd.MultiplyAdd(v1, u1, s11);
                    s21 = TSimd.MultiplyAdd(v2, u1, s21);
                    s31 = TSimd.MultiplyAdd(v3, u1, s31);
                    var u2 = TSimd.Load(x2 + x);
                    s02 = TSimd.MultiplyAdd(v0, u2, s02);
                    s12 = TSimd.MultiplyAdd(v1, u2, s12);
                    s22 = TSimd.MultiplyAdd(v2, u2, s22);
                    s32 = TSimd.MultiplyAdd(v3, u2, s32);
                    var u3 = TSimd.Load(x3 + x);
                    s03 = TSimd.MultiplyAdd(v0, u3, s03);
                    s13 = TSimd.MultiplyAdd(v1, u3, s13);
                    s23 = TSimd.MultiplyAdd(v2, u3, s23);
                    s33 = TSimd.MultiplyAdd(v3, u3, s33);
                    var u4 = TSimd.Load(x4 + x);
                    s04 = TSimd.MultiplyAdd(v0, u4, s04);
                    s14 = TSimd.MultiplyAdd(v1, u4, s14);
                    s24 = TSimd.MultiplyAdd(v2, u4, s24);
                    s34 = TSimd.MultiplyAdd(v3, u4, s34);
                }

                {
                    var v0 = TSimd.Load(g0 + g + TSimd.Count);
                    var v1 = TSimd.Load(g1 + g + TSimd.Count);
                    var v2 = TSimd.Load(g2 + g + TSimd.Count);
                    var v3 = TSimd.Load(g3 + g + TSimd.Count);
                    var u0 = TSimd.Load(x0 + x + TSimd.Count);
                    s00 = TSimd.MultiplyAdd(v0, u0, s00);
                    s10 = TSimd.MultiplyAdd(v1, u0, s10);
                    s20 = TSimd.MultiplyAdd(v2, u0, s20);
                    s30 = TSimd.MultiplyAdd(v3, u0, s30);
                    var u1 = TSimd.Load(x1 + x + TSimd.Count);
                    s01 = TSimd.MultiplyAdd(v0, u1, s01);
                    s11 = TSimd.MultiplyAdd(v1, u1, s11);
                    s21 = TSimd.MultiplyAdd(v2, u1, s21);
                    s31 = TSimd.MultiplyAdd(v3, u1, s31);
                    var u2 = TSimd.Load(x2 + x + TSimd.Count);
                    s02 = TSimd.MultiplyAdd(v0, u2, s02);
                    s12 = TSimd.MultiplyAdd(v1, u2, s12);
                    s22 = TSimd.MultiplyAdd(v2, u2, s22);
                    s32 = TSimd.MultiplyAdd(v3, u2, s32);
                    var u3 = TSimd.Load(x3 + x + TSimd.Count);
                    s03 = TSimd.MultiplyAdd(v0, u3, s03);
                    s13 = TSimd.MultiplyAdd(v1, u3, s13);
                    s23 = TSimd.MultiplyAdd(v2, u3, s23);
                    s33 = TSimd.MultiplyAdd(v3, u3, s33);
                    var u4 = TSimd.Load(x4 + x + TSimd.Count);
                    s04 = TSimd.MultiplyAdd(v0, u4, s04);
                    s14 = TSimd.MultiplyAdd(v1, u4, s14);
                    s24 = TSimd.MultiplyAdd(v2, u4, s24);
                    s34 = TSimd.MultiplyAdd(v3, u4, s34);
                }

                g += gradientStep;
                x += inputStep;
            }

            gradientRow += positions.GradientRowStep;
            inputRow += positions.InputRowStep;
        }

        TSimd.Store(s00, sums);
        TSimd.Store(s01, sums + TSimd.Count);
        TSimd.Store(s02, sums + 2 * TSimd.Count);
        TSimd.Store(s03, sums + 3 * TSimd.Count);
        TSimd.Store(s04, sums + 4 * TSimd.Count);
        TSimd.Store(s10, sums + 5 * TSimd.Count);
        TSimd.Store(s11, sums + 6 * TSimd.Count);
        TSimd.Store(s12, sums + 7 * TSimd.Count);
        TSimd.Store(s13, sums + 8 * TSimd.Count);
        TSimd.Store(s14, sums + 9 * TSimd.Count);
        TSimd.Store(s20, sums + 10 * TSimd.Count);
        TSimd.Store(s21, sums + 11 * TSimd.Count);
        TSimd.Store(s22, sums + 12 * TSimd.Count);
        TSimd.Store(s23, sums + 13 * TSimd.Count);
        TSimd.Store(s24, sums + 14 * TSimd.Count);
        TSimd.Store(s30, sums + 15 * TSimd.Count);
        TSimd.Store(s31, sums + 16 * TSimd.Count);
        TSimd.Store(s32, sums + 17 * TSimd.Count);
        TSimd.Store(s33, sums + 18 * TSimd.Count);
        TSimd.Store(s34, sums + 19 * TSimd.Count);
    }

    [MethodImpl(Compiled.AsLoop)]
    private static void Columns6(T** gradients, T** inputs, T* sums, in PositionRectangle positions)
    {
        T* g0 = gradients[0], g1 = gradients[1], g2 = gradients[2], g3 = gradients[3];
        T* x0 = inputs[0], x1 = inputs[1], x2 = inputs[2], x3 = inputs[3], x4 = inputs[4], x5 = inputs[5];
        var s00 = TSimd.Load(sums);
        var s01 = TSimd.Load(sums + TSimd.Count);
        var s02 = TSimd.Load(sums + 2 * TSimd.Count);
        var s03 = TSimd.Load(sums + 3 * TSimd.Count);
        var s04 = TSimd.Load(sums + 4 * TSimd.Count);
        var s05 = TSimd.Load(sums + 5 * TSimd.Count);
        var s10 = TSimd.Load(sums + 6 * TSimd.Count);
        var s11 = TSimd.Load(sums + 7 * TSimd.Count);
        var s12 = TSimd.Load(sums + 8 * TSimd.Count);
        var s13 = TSimd.Load(sums + 9 * TSimd.Count);
        var s14 = TSimd.Load(sums + 10 * TSimd.Count);
        var s15 = TSimd.Load(sums + 11 * TSimd.Count);
        var s20 = TSimd.Load(sums + 12 * TSimd.Count);
        var s21 = TSimd.Load(sums + 13 * TSimd.Count);
        var s22 = TSimd.Load(sums + 14 * TSimd.Count);
        var s23 = TSimd.Load(sums + 15 * TSimd.Count);
        var s24 = TSimd.Load(sums + 16 * TSimd.Count);
        var s25 = TSimd.Load(sums + 17 * TSimd.Count);
        var s30 = TSimd.Load(sums + 18 * TSimd.Count);
        var s31 = TSimd.Load(sums + 19 * TSimd.Count);
        var s32 = TSimd.Load(sums + 20 * TSimd.Count);
        var s33 = TSimd.Load(sums + 21 * TSimd.Count);
        var s34 = TSimd.Load(sums + 22 * TSimd.Count);
        var s35 = TSimd.Load(sums + 23 * TSimd.Count);
        int rows = positions.Rows, columns = positions.Columns;
        nint gradientStep = positions.GradientColumnStep, inputStep = positions.InputColumnStep;
        nint gradientRow = 0, inputRow = 0;
        for (var row = 0; row < rows; row++)
        {
            nint g = gradientRow, x = inputRow;
            for (var column = 0; column < columns; column++)
            {
                // A position is two registers of lanes.
                {
                    var v0 = TSimd.Load(g0 + g);
                    var v1 = TSimd.Load(g1 + g);
                    var v2 = TSimd.Load(g2 + g);
                    var v3 = TSimd.Load(g3 + g);
                    var u0 = TSimd.Load(x0 + x);
                    s00 = TSimd.MultiplyAdd(v0, u0, s00);
                    s10 = TSimd.MultiplyAdd(v1, u0, s10);
                    s20 = TSimd.MultiplyAdd(v2, u0, s20);
                    s30 = TSimd.MultiplyAdd(v3, u0, s30);
                    var u1 = TSimd.Load(x1 + x);
                    s01 = TSimd.MultiplyAdd(v0, u1, s01);
                    s11 = TSimd.MultiplyAdd(v1, u1, s11);
                    s21 = TSimd.MultiplyAdd(v2, u1, s21);
                    s31 = TSimd.MultiplyAdd(v3, u1, s31);
                    var u2 = TSimd.Load(x2 + x);
                    s02 = TSimd.MultiplyAdd(v0, u2, s02);
                    s12 = TSimd.MultiplyAdd(v1, u2, s12);
                    s22 = TSimd.MultiplyAdd(v2, u2, s22);
                    s32 = TSimd.MultiplyAdd(v3, u2, s32);
                    var u3 = TSimd.Load(x3 + x);
                    s03 = TSimd.MultiplyAdd(v0, u3, s03);
                    s13 = TSimd.MultiplyAdd(v1, u3, s13);
                    s23 = TSimd.MultiplyAdd(v2, u3, s23);
                    s33 = TSimd.MultiplyAdd(v3, u3, s33);
                    var u4 = TSimd.Load(x4 + x);
                    s04 = TSimd.MultiplyAdd(v0, u4, s04);
                    s14 = TSimd.MultiplyAdd(v1, u4, s14);
                    s24 = TSimd.MultiplyAdd(v2, u4, s24);
                    s34 = TSimd.MultiplyAdd(v3, u4, s34);
                    var u5 = TSimd.Load(x5 + x);
                    s05 = TSimd.MultiplyAdd(v0, u5, s05);
                    s15 = TSimd.MultiplyAdd(v1, u5, s15);
                    s25 = TSimd.MultiplyAdd(v2, u5, s25);
                    s35 = TSimd.MultiplyAdd(v3, u5, s35);
                }

                {
                    var v0 = TSimd.Load(g0 + g + TSimd.Count);
                    var v1 = TSimd.Load(g1 + g + TSimd.Count);
                    var v2 = TSimd.Load(g2 + g + TSimd.Count);
                    var v3 = TSimd.Load(g3 + g + TSimd.Count);
                    var u0 = TSimd.Load(x0 + x + TSimd.Count);
                    s00 = TSimd.MultiplyAdd(v0, u0, s00);
                    s10 = TSimd.MultiplyAdd(v1, u0, s10);
                    s20 = TSimd.MultiplyAdd(v2, u0, s20);
                    s30 = TSimd.MultiplyAdd(v3, u0, s30);
                    var u1 = TSimd.Load(x1 + x + TSimd.Count);
                    s01 = TSimd.MultiplyAdd(v0, u1, s01);
                    s11 = TSimd.MultiplyAdd(v1, u1, s11);
                    s21 = TSimd.MultiplyAdd(v2, u1, s21);
                    s31 = TSimd.MultiplyAdd(v3, u1, s31);
                    var u2 = TSimd.Load(x2 + x + TSimd.Count);
                    s02 = TSimd.MultiplyAdd(v0, u2, s02);
                    s12 = TSimd.MultiplyAdd(v1, u2, s12);
                    s22 = TSimd.MultiplyAdd(v2, u2, s22);
                    s32 = TSimd.MultiplyAdd(v3, u2, s32);
                    var u3 = TSimd.Load(x3 + x + TSimd.Count);
                    s03 = TSimd.MultiplyAdd(v0, u3, s03);
                    s13 = TSimd.MultiplyAdd(v1, u3, s13);
                    s23 = TSimd.MultiplyAdd(v2, u3, s23);
                    s33 = TSimd.MultiplyAdd(v3, u3, s33);
                    var u4 = TSimd.Load(x4 + x + TSimd.Count);
                    s04 = TSimd.MultiplyAdd(v0, u4, s04);
                    s14 = TSimd.MultiplyAdd(v1, u4, s14);
                    s24 = TSimd.MultiplyAdd(v2, u4, s24);
                    s34 = TSimd.MultiplyAdd(v3, u4, s34);
                    var u5 = TSimd.Load(x5 + x + TSimd.Count);
                    s05 = TSimd.MultiplyAdd(v0, u5, s05);
                    s15 = TSimd.MultiplyAdd(v1, u5, s15);
                    s25 = TSimd.MultiplyAdd(v2, u5, s25);
                    s35 = TSimd.MultiplyAdd(v3, u5, s35);
                }

                g += gradientStep;
                x += inputStep;
            }

            gradientRow += positions.GradientRowStep;
            inputRow += positions.InputRowStep;
        }

        TSimd.Store(s00, sums);
        TSimd.Store(s01, sums + TSimd.Count);
        TSimd.Store(s02, sums + 2 * TSimd.Count);
        TSimd.Store(s03, sums + 3 * TSimd.Count);
        TSimd.Store(s04, sums + 4 * TSimd.Count);
        TSimd.Store(s05, sums + 5 * TSimd.Count);
        TSimd.Store(s10, sums + 6 * TSimd.Count);
        TSimd.Store(s11, sums + 7 * TSimd.Count);
        TSimd.Store(s12, sums + 8 * TSimd.Count);
        TSimd.Store(s13, sums + 9 * TSimd.Count);
        TSimd.Store(s14, sums + 10 * TSimd.Count);
        TSimd.Store(s15, sums + 11 * TSimd.Count);
        TSimd.Store(s20, sums + 12 * TSimd.Count);
        TSimd.Store(s21, sums + 13 * TSimd.Count);
        TSimd.Store(s22, sums + 14 * TSimd.Count);
        TSimd.Store(s23, sums + 15 * TSimd.Count);
        TSimd.Store(s24, sums + 16 * TSimd.Count);
        TSimd.Store(s25, sums + 17 * TSimd.Count);
        TSimd.Store(s30, sums + 18 * TSimd.Count);
        TSimd.Store(s31, sums + 19 * TSimd.Count);
        TSimd.Store(s32, sums + 20 * TSimd.Count);
        TSimd.Store(s33, sums + 21 * TSimd.Count);
        TSimd.Store(s34, sums + 22 * TSimd.Count);
        TSimd.Store(s35, sums + 23 * TSimd.Count);
    }
}
