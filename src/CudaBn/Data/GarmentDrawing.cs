using static CudaBn.GarmentOutline;

namespace CudaBn;

/// <summary>Draws one garment: a method per class, and what the tops and the shoes have in common.</summary>
internal sealed class GarmentDrawing(GarmentCanvas canvas, GarmentRandom random)
{
    // The same range for every class, so that brightness tells none of them.
    private readonly double _shade = random.Between(0.4, 0.95);

    /// <summary>Clears the canvas and draws a garment of the class that a label of Fashion-MNIST means.</summary>
    public void Draw(int label)
    {
        Place(isShoe: label is 5 or 7 or 9);
        switch (label)
        {
            case 0: DrawTShirt(); break;
            case 1: DrawTrouser(); break;
            case 2: DrawPullover(); break;
            case 3: DrawDress(); break;
            case 4: DrawCoat(); break;
            case 5: DrawSandal(); break;
            case 6: DrawShirt(); break;
            case 7: DrawSneaker(); break;
            case 8: DrawBag(); break;
            case 9: DrawAnkleBoot(); break;
            default: throw new ArgumentOutOfRangeException(nameof(label), label, $"Expected 0 to 9, got {label}.");
        }

        Weave();
    }

    private double Between(double low, double high) => random.Between(low, high);

    private void Place(bool isShoe) => canvas.Clear(
        scaleX: Between(0.78, 1.0),
        scaleY: Between(0.82, 1.0),
        shear: Between(-0.1, 0.1),
        slope: isShoe ? Between(-0.08, 0.08) : Between(-0.04, 0.04),
        shiftX: Between(-1.5, 1.5),
        shiftY: Between(-1.2, 1.2));

    private void Fill(GarmentOutline outline) => canvas.Fill(outline, _shade);

    private void Erase(GarmentOutline outline) => canvas.Fill(outline, 0);

    private void Tint(GarmentOutline outline, double factor) => canvas.Tint(outline, factor);

    private void TintBoth(GarmentOutline outline, double factor)
    {
        Tint(outline, factor);
        Tint(outline.Opposite(), factor);
    }

    private void DrawTShirt()
    {
        DrawTop(
            hem: Between(0.62, 0.95), sleeve: Between(0.3, 0.55), spread: Between(0.2, 0.42), width: Between(0.4, 0.6));
        EraseNeck(Between(0.2, 0.32), Between(0.1, 0.32));
        if (random.Chance(0.35))
            Tint(Box(-0.28, -0.3, 0.28, Between(-0.1, 0.3)), Between(0.45, 1.5));
    }

    private void DrawPullover()
    {
        var hem = Between(0.62, 0.92);
        var width = Between(0.4, 0.58);
        DrawTop(hem, sleeve: Between(1.2, 1.65), spread: Between(0.14, 0.36), width);
        EraseNeck(Between(0.18, 0.28), Between(0.06, 0.16));
        Tint(Box(-width, hem - 0.14, width, hem), Between(0.6, 0.85));
        if (random.Chance(0.4))
            Tint(Box(-1, Between(-0.4, 0), 1, Between(0.05, 0.35)), Between(0.6, 1.35));
    }

    private void DrawCoat()
    {
        var hem = Between(0.8, 1.0);
        DrawTop(hem, sleeve: Between(1.25, 1.7), spread: Between(0.12, 0.32), width: Between(0.42, 0.62));
        EraseNeck(Between(0.16, 0.24), Between(0.06, 0.18));
        var opening = Between(-0.08, 0.08);
        Tint(Box(opening - 0.04, -0.85, opening + 0.04, hem), Between(0.1, 0.4));
        TintBoth(new GarmentOutline().To(0.05, -0.3).To(0.2, -0.85).To(0.42, -0.5), Between(0.5, 0.75));
        if (random.Chance(0.6))
            TintBoth(Box(0.16, 0.25, 0.42, 0.33), Between(0.3, 0.6));
    }

    private void DrawShirt()
    {
        var isLong = random.Chance(0.6);
        var hem = Between(0.7, 0.98);
        DrawTop(
            hem,
            sleeve: isLong ? Between(1.15, 1.6) : Between(0.35, 0.6),
            spread: isLong ? Between(0.14, 0.36) : Between(0.2, 0.4),
            width: Between(0.38, 0.56));
        EraseNeck(Between(0.12, 0.2), Between(0.1, 0.35), isPointed: true);
        TintBoth(new GarmentOutline().To(0.02, -0.55).To(0.1, -0.9).To(0.34, -0.8).To(0.2, -0.52), Between(1.2, 1.5));
        Tint(Box(-0.07, -0.55, 0.07, hem), Between(1.12, 1.3));
        for (var y = -0.4; y < hem - 0.1; y += 0.25)
            Tint(Box(-0.04, y, 0.04, y + 0.08), 0.3);
        if (random.Chance(0.5))
            Tint(Box(0.16, -0.35, 0.38, -0.08), Between(0.7, 0.85));
    }

    // The common shape of what is worn above the waist; sleeve is its length downwards from the shoulder.
    private void DrawTop(double hem, double sleeve, double spread, double width)
    {
        const double top = -0.88;
        var shoulder = Between(0.46, 0.6);
        var end = Math.Min(shoulder + spread, 0.99);
        var cuff = Between(0.18, 0.26);
        var armpit = top + Between(0.4, 0.5);
        Fill(new GarmentOutline().To(Between(0.16, 0.26), top).To(shoulder, top + 0.1)
            .To(width, armpit).Curve(width - Between(0, 0.1), 0.2, width, hem).Mirrored());

        var arm = new GarmentOutline().To(shoulder - 0.14, top + 0.06).To(shoulder, top + 0.1)
            .Curve(shoulder + 0.6 * spread, top + 0.25 * sleeve + 0.1, end, top + sleeve)
            .To(end - cuff, top + sleeve + 0.06)
            .Curve(shoulder + 0.1 * spread, armpit + 0.1, Math.Min(width, shoulder) - 0.06, armpit);
        Fill(arm);
        Fill(arm.Opposite());
        // The seam or shadow between arm and body, which a long sleeve that hangs close needs to be seen.
        TintBoth(Band(shoulder - 0.05, top + 0.14, width - 0.04, armpit, width, armpit + 0.35 * sleeve, 0.06), 0.55);
    }

    private void EraseNeck(double halfWidth, double depth, bool isPointed = false)
    {
        var neck = new GarmentOutline().To(-halfWidth, -1).To(-halfWidth, -0.88);
        Erase(isPointed
            ? neck.To(0, -0.88 + depth).To(halfWidth, -0.88).To(halfWidth, -1)
            : neck.Curve(0, -0.88 + 2 * depth, halfWidth, -0.88).To(halfWidth, -1));
    }

    private void DrawTrouser()
    {
        var waist = Between(0.28, 0.42);
        var hip = waist + Between(0.02, 0.1);
        var crotch = Between(-0.45, -0.2);
        var inner = Between(0.06, 0.2);
        var outer = inner + Between(0.2, 0.34);
        Fill(new GarmentOutline().To(waist, -0.97).To(hip, -0.6).Curve(hip, 0, outer, 0.97)
            .To(inner, 0.97).Curve(0.08, 0.2, 0.015, crotch).Mirrored());
        Tint(Box(-1, -1, 1, -0.86), Between(0.55, 1.3));
        if (random.Chance(0.5))
            TintBoth(Band(hip - 0.2, -0.7, hip - 0.2, 0, (inner + outer) / 2, 0.9, 0.06), Between(0.65, 0.8));
    }

    private void DrawDress()
    {
        var strap = Between(0.14, 0.3);
        var bust = Between(0.28, 0.4);
        var waist = bust - Between(0.04, 0.14);
        var waistY = Between(-0.3, 0);
        var skirt = Between(0.34, 0.72);
        Fill(new GarmentOutline().To(strap, -0.97).To(strap + 0.1, -0.97).Curve(bust - 0.1, -0.65, bust, -0.5)
            .To(waist, waistY).Curve(waist + 0.08, 0.3, skirt, 0.97).Mirrored());
        if (random.Chance(0.4))
        {
            var sleeve = new GarmentOutline().To(strap, -0.97).To(strap + 0.16, -0.95)
                .To(bust + Between(0.12, 0.3), Between(-0.55, 0.3)).To(bust, -0.35);
            Fill(sleeve);
            Fill(sleeve.Opposite());
        }

        Erase(new GarmentOutline().To(-strap, -1).Curve(0, -1 + 2 * Between(0.15, 0.4), strap, -1));
        if (random.Chance(0.5))
            Tint(Box(-0.6, waistY - 0.05, 0.6, waistY + 0.07), Between(0.3, 0.7));
        if (random.Chance(0.5))
            TintBoth(Band(0.08, waistY + 0.1, 0.1, 0.4, Between(0.15, 0.3), 0.97, 0.07), Between(0.6, 0.8));
    }

    private void DrawBag()
    {
        var top = Between(-0.35, 0.05);
        var bottom = Between(0.6, 0.85);
        var upper = Between(0.5, 0.85);
        var lower = Math.Min(upper + Between(-0.1, 0.15), 0.95);
        var grip = Between(0.25, 0.8 * upper);
        Fill(Band(-grip, top + 0.1, 0, 2 * Between(-0.95, top - 0.25) - top, grip, top + 0.1, Between(0.1, 0.18)));
        Fill(new GarmentOutline().To(0, top).To(upper, top).To(lower, bottom - 0.1)
            .Curve(lower, bottom, lower - 0.15, bottom).Mirrored());
        if (random.Chance(0.6))
            Tint(
                new GarmentOutline().To(-upper, top).To(upper, top)
                    .Curve(0, top + 2 * Between(0.2, 0.4), -upper, top),
                Between(0.6, 0.8));
        else
            Tint(Box(-1, top, 1, top + 0.12), Between(0.5, 0.75));
        if (random.Chance(0.6))
            Tint(Box(-0.09, top + 0.2, 0.09, top + 0.36), Between(1.3, 1.8));
    }

    private void DrawSneaker()
    {
        var ground = Between(0.4, 0.55);
        var ankle = Between(-0.45, -0.2);
        DrawShoe(ground, ankle, toe: ground - Between(0.3, 0.42), dip: Between(0.08, 0.2));
        // A sole of its own colour, thick from toe to heel, is what a sneaker has and a boot has not.
        canvas.Fill(
            new GarmentOutline().To(-0.97, ground - 0.17).To(0.95, ground - 0.17).To(0.95, ground).To(-0.93, ground),
            Between(0.4, 1.0));
        Tint(Box(-0.97, ground - 0.21, 0.95, ground - 0.16), 0.35);
        for (var lace = 0; lace < 3; lace++)
        {
            var x = -0.3 + 0.17 * lace;
            var y = 0.02 - 0.12 * lace;
            Tint(Band(x, y, x + 0.08, y + 0.03, x + 0.18, y + 0.1, 0.06), 0.35);
        }

        if (random.Chance(0.4))
            return;
        for (var x = 0.2; x < 0.4; x += 0.16)
            Tint(Band(x, -0.12, x - 0.04, 0.1, x - 0.1, 0.25, 0.07), Between(0.4, 1.5));
    }

    private void DrawAnkleBoot()
    {
        var ground = Between(0.5, 0.65);
        var heel = Between(0.08, 0.35);
        DrawShoe(ground, ankle: Between(-0.97, -0.7), toe: ground - Between(0.22, 0.36), dip: Between(-0.02, 0.06));
        Fill(new GarmentOutline().To(0.4, ground - 0.03).To(0.93, ground - 0.03)
            .To(0.9, ground + heel).To(0.5, ground + heel));
        Tint(Box(-0.97, ground - 0.06, 0.95, ground), Between(0.4, 0.7));
        if (random.Chance(0.5))
            Tint(new GarmentOutline().To(0.45, -0.75).To(0.68, -0.75).To(0.6, -0.1).To(0.52, -0.1), Between(0.4, 0.7));
        if (random.Chance(0.4))
            Tint(Band(0.2, -0.3, 0.5, -0.25, 0.95, -0.3, 0.1), Between(0.5, 1.4));
    }

    // A closed shoe seen from its side, toe to the left.
    private void DrawShoe(double ground, double ankle, double toe, double dip)
    {
        var front = Between(0.05, 0.2);
        Fill(new GarmentOutline().To(-0.9, ground).Curve(-1.0, toe, -0.7, toe - 0.04)
            .Curve(-0.2, toe - 0.12, front, ankle)
            .Curve((front + 0.9) / 2, ankle + 2 * dip, 0.9, ankle)
            .Curve(0.82, (ankle + ground) / 2, 0.95, ground));
    }

    private void DrawSandal()
    {
        var toe = Between(0.45, 0.65);
        var heel = toe - Between(0.05, 0.75);
        var thickness = Between(0.1, 0.2);
        Fill(Band(-0.92, toe, 0.1, toe + 0.05, 0.88, heel, thickness));
        if (toe - heel > 0.3)
            Fill(new GarmentOutline().To(0.72, heel).To(0.92, heel).To(0.9, toe + 0.06).To(0.8, toe + 0.06));

        var strap = Between(0.08, 0.14);
        Fill(Band(-0.78, toe, -0.5, toe - Between(0.75, 1.05), -0.2, toe - 0.05, strap));
        if (random.Chance(0.6))
            Fill(Band(-0.5, toe, -0.15, toe - 1.1, 0.15, toe - 0.1, strap));
        var ankle = Math.Max(heel - Between(0.4, 0.6), -0.85);
        Fill(Band(0.85, heel, 0.92, (heel + ankle) / 2, 0.82, ankle, strap));
        if (random.Chance(0.7))
            Fill(Band(0.82, ankle, 0.5, ankle + 0.18, Between(0.1, 0.3), ankle + Between(-0.05, 0.15), strap));
    }

    // Cloth: a direction of light, stripes or checks on some, and grain on all.
    private void Weave()
    {
        var light = Between(-0.012, 0.012);
        var grain = Between(0.02, 0.16);
        var pattern = random.Below(8);
        var period = 2 + random.Below(4);
        var contrast = Between(0.5, 0.85);
        canvas.Weave((x, y) =>
        {
            var dark = pattern switch
            {
                0 => y / period % 2 == 1,
                1 => x / period % 2 == 1,
                2 => (x / period + y / period) % 2 == 1,
                _ => false,
            };
            return (dark ? contrast : 1) * (1 + light * (x - 14)) * (1 + Between(-grain, grain));
        });
    }
}
