namespace PluginBridge.Core.Potentials.ViSNet;

/// <summary>Single precision, and double where a geometry is so far off that single overflows: a minimiser's trial steps
/// push atoms into each other and have to come back with an energy, however large.</summary>
internal sealed class OverflowEvaluator(IMoleculeEvaluator single, Func<IMoleculeEvaluator> createDouble) : IMoleculeEvaluator
{
    /// <summary>Geometries in a row that single precision takes, after which double precision gives back its memory.</summary>
    private const int Calm = 1000;

    private IMoleculeEvaluator? _double;
    private bool[]? _wanted;
    private int _calm;

    /// <inheritdoc/>
    public void Select(ReadOnlySpan<bool> wanted)
    {
        _wanted ??= new bool[wanted.Length];
        single.Select(wanted);
        _double?.Select(wanted);
        wanted.CopyTo(_wanted);
    }

    /// <inheritdoc/>
    public void Evaluate(ReadOnlySpan<double> positions, ReadOnlySpan<double> box, Span<double> energies, Span<double> gradients,
        Span<double> strainGradients)
    {
        try
        {
            single.Evaluate(positions, box, energies, gradients, strainGradients);
            if (Finite.All(gradients) && Finite.All(strainGradients))
            {
                Forget();
                return;
            }
        }
        catch (PluginBridgeException error) when (error.Code == ErrorCode.Calculation && error.OverlappingAtoms is null)
        {
            // The same geometry fails again below unless the reason was the precision, as with atoms in one place it is not.
        }
        _calm = 0;
        (_double ??= CreateDouble()).Evaluate(positions, box, energies, gradients, strainGradients);
    }

    private void Forget()
    {
        if (_double is null || ++_calm < Calm)
            return;
        _double.Dispose();
        _double = null;
    }

    private IMoleculeEvaluator CreateDouble()
    {
        IMoleculeEvaluator created = createDouble();
        if (_wanted is not null)
            created.Select(_wanted);
        return created;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        single.Dispose();
        _double?.Dispose();
    }
}
