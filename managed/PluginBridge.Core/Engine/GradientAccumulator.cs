using PluginBridge.Core.Fragmentation;

namespace PluginBridge.Core.Engine;

/// <summary>
/// Adds up dE/dr of the real atoms and dE/dε = Σ r ⊗ dE/dr. Gradients of caps go to anchor and replaced atom by the chain
/// rule; with them dE/dε needs no more than real atoms.
/// </summary>
internal sealed class GradientAccumulator(int atoms)
{
    private readonly double[] _gradient = new double[3 * atoms];
    private readonly double[] _strain = new double[9];

    /// <summary>dE/dr, kJ/mol/nm.</summary>
    public ReadOnlySpan<double> Gradient => _gradient;

    /// <summary>dE/dε, kJ/mol, row-major.</summary>
    public ReadOnlySpan<double> Strain => _strain;

    /// <summary>Sets all to zero.</summary>
    public void Clear()
    {
        Array.Clear(_gradient);
        Array.Clear(_strain);
    }

    /// <summary>Sets all to given values.</summary>
    public void Set(ReadOnlySpan<double> gradient, ReadOnlySpan<double> strain)
    {
        gradient.CopyTo(_gradient);
        strain.CopyTo(_strain);
    }

    /// <summary>Adds the gradient of a real atom.</summary>
    /// <param name="atom">The atom.</param>
    /// <param name="factor">c_f, or −1 for a force.</param>
    /// <param name="gradient">Its gradient in one fragment.</param>
    /// <param name="whole">Positions, molecules whole.</param>
    /// <param name="origin">A point near the fragment: r ⊗ dE/dr is taken from it, which changes nothing as the gradients
    /// of a fragment add up to zero, but keeps rounding small. Empty: the strain comes from elsewhere.</param>
    public void AddAtom(int atom, double factor, ReadOnlySpan<double> gradient, ReadOnlySpan<double> whole, ReadOnlySpan<double> origin)
    {
        for (int i = 0; i < 3; i++)
            _gradient[3 * atom + i] += factor * gradient[i];
        if (origin.IsEmpty)
            return;
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 3; j++)
                _strain[3 * i + j] += factor * (whole[3 * atom + i] - origin[i]) * gradient[j];
    }

    /// <summary>Adds the gradient of a cap hydrogen; parameters as for <see cref="AddAtom"/>.</summary>
    public void AddCap(in CapHydrogen cap, double factor, ReadOnlySpan<double> gradient, ReadOnlySpan<double> whole, ReadOnlySpan<double> origin)
    {
        Span<double> replaced = stackalloc double[3];
        Span<double> anchor = stackalloc double[3];
        CapGeometry.ReplacedGradient(whole.Slice(3 * cap.Anchor, 3), whole.Slice(3 * cap.Replaced, 3), cap.BondLength, gradient, replaced);
        for (int i = 0; i < 3; i++)
            anchor[i] = gradient[i] - replaced[i];
        AddAtom(cap.Anchor, factor, anchor, whole, origin);
        AddAtom(cap.Replaced, factor, replaced, whole, origin);
    }

    /// <summary>Adds the strain gradient that an atom has for lying in another image: shift ⊗ gradient.</summary>
    /// <param name="factor">As for <see cref="AddAtom"/>.</param>
    /// <param name="gradient">Gradient of the atom (of a cap: of the hydrogen).</param>
    /// <param name="shift">Its image's displacement, nm; zero: nothing.</param>
    public void AddImageStrain(double factor, ReadOnlySpan<double> gradient, ReadOnlySpan<double> shift)
    {
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 3; j++)
                _strain[3 * i + j] += factor * shift[i] * gradient[j];
    }

    /// <summary>Adds a pair's gradient.</summary>
    /// <param name="p">First atom.</param>
    /// <param name="q">Second atom.</param>
    /// <param name="displacement">r_q − r_p, nearest images.</param>
    /// <param name="scale">(dE/dr)/r.</param>
    public void AddPair(int p, int q, ReadOnlySpan<double> displacement, double scale)
    {
        for (int i = 0; i < 3; i++)
        {
            double gradient = scale * displacement[i];
            _gradient[3 * p + i] -= gradient;
            _gradient[3 * q + i] += gradient;
            for (int j = 0; j < 3; j++)
                _strain[3 * j + i] += displacement[j] * gradient;
        }
    }

    /// <summary>
    /// Adds the strain gradient of a fragment that an evaluator computed with all of its atoms, caps included, strained
    /// alike.
    /// </summary>
    public void AddStrain(double factor, ReadOnlySpan<double> strain)
    {
        for (int k = 0; k < 9; k++)
            _strain[k] += factor * strain[k];
    }

    /// <summary>
    /// Corrects such a strain gradient for a cap, which keeps its bond length: Σ over a and b instead of r_H ⊗ dE/dr_H.
    /// </summary>
    public void CorrectStrain(in CapHydrogen cap, double factor, ReadOnlySpan<double> gradient, ReadOnlySpan<double> whole)
    {
        ReadOnlySpan<double> a = whole.Slice(3 * cap.Anchor, 3), b = whole.Slice(3 * cap.Replaced, 3);
        Span<double> hydrogen = stackalloc double[3];
        Span<double> replaced = stackalloc double[3];
        CapGeometry.Place(a, b, cap.BondLength, hydrogen);
        CapGeometry.ReplacedGradient(a, b, cap.BondLength, gradient, replaced);
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 3; j++)
                _strain[3 * i + j] += factor * ((b[i] - a[i]) * replaced[j] - (hydrogen[i] - a[i]) * gradient[j]);
    }
}
