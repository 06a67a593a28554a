namespace PluginBridge.Core.Potentials.Ensemble;

/// <summary>Evaluates the members of an ensemble one after the other, each with all threads.</summary>
internal sealed class EnsembleEvaluator : IMoleculeEvaluator
{
    private readonly EnsembleMember[] _members;
    private readonly IMoleculeEvaluator[] _evaluators;
    private readonly double[] _energies, _strains;
    private double[] _gradients = [];

    public EnsembleEvaluator(EnsembleMember[] members, IReadOnlyList<Molecule> molecules, EvaluationOptions options)
    {
        _members = members;
        _energies = new double[molecules.Count];
        _strains = new double[9 * molecules.Count];
        _evaluators = new IMoleculeEvaluator[members.Length];
        try
        {
            for (int m = 0; m < members.Length; m++)
                _evaluators[m] = members[m].Potential.CreateEvaluator(molecules, options);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Number of members.</summary>
    public int Members => _members.Length;

    /// <inheritdoc/>
    public void Select(ReadOnlySpan<bool> wanted)
    {
        foreach (IMoleculeEvaluator evaluator in _evaluators)
            evaluator.Select(wanted);
    }

    /// <summary>Mean energies and gradients of the members.</summary>
    /// <inheritdoc/>
    public void Evaluate(ReadOnlySpan<double> positions, ReadOnlySpan<double> box, Span<double> energies, Span<double> gradients,
        Span<double> strainGradients)
    {
        if (_gradients.Length < gradients.Length)
            _gradients = new double[gradients.Length];
        Span<double> memberGradients = _gradients.AsSpan(0, gradients.Length);
        Span<double> memberStrains = strainGradients.IsEmpty ? [] : _strains;
        energies.Clear();
        gradients.Clear();
        strainGradients.Clear();
        for (int m = 0; m < Members; m++)
        {
            EvaluateMember(m, positions, box, _energies, memberGradients, memberStrains);
            AddShare(_energies, energies);
            AddShare(memberGradients, gradients);
            AddShare(memberStrains, strainGradients);
        }
    }

    /// <summary>Energies and gradients of one member; parameters as for <see cref="Evaluate"/>.</summary>
    public void EvaluateMember(int member, ReadOnlySpan<double> positions, ReadOnlySpan<double> box, Span<double> energies,
        Span<double> gradients, Span<double> strainGradients)
    {
        try
        {
            _evaluators[member].Evaluate(positions, box, energies, gradients, strainGradients);
        }
        catch (PluginBridgeException e) when (e.Molecule is not null)
        {
            throw new PluginBridgeException(e.Code, $"Member '{_members[member].File}' of the ensemble: {e.Message}", e)
            {
                Molecule = e.Molecule,
                OverlappingAtoms = e.OverlappingAtoms,
            };
        }
    }

    public void Dispose()
    {
        foreach (IMoleculeEvaluator? evaluator in _evaluators)
            evaluator?.Dispose();
    }

    private void AddShare(ReadOnlySpan<double> values, Span<double> mean)
    {
        for (int i = 0; i < mean.Length; i++)
            mean[i] += values[i] / Members;
    }
}
