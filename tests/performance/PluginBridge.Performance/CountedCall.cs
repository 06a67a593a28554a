using System.Text.Json;
using PluginBridge.Core.Potentials;
using PluginBridge.Core.Potentials.ViSNet;

namespace PluginBridge.Performance;

/// <summary>Molecules of one call: what the host's fragments are with their cap hydrogens.</summary>
/// <param name="Elements">Atomic numbers of each molecule.</param>
/// <param name="Positions">x, y, z of the atoms of all molecules, nm.</param>
internal sealed record CallInput(int[][] Elements, double[] Positions)
{
    private static readonly JsonSerializerOptions _json = new() { PropertyNameCaseInsensitive = true };

    public static CallInput Read(string path)
    {
        var input = JsonSerializer.Deserialize<CallInput>(File.ReadAllText(path), _json);
        if (input is null || input.Elements is not { Length: > 0 } || input.Positions is null
            || input.Positions.Length != 3 * input.Elements.Sum(molecule => molecule.Length))
            throw new InvalidDataException($"{path}: 'elements' and 'positions' do not fit together.");
        return input;
    }
}

/// <summary>Operations of one energy-and-force call, and its energies (kJ/mol) as a check of the count's own run.</summary>
internal sealed record CallCount(double Flops, long MultiplyAdds, long Simple, long Divisions, double[] Energies);

/// <summary>Counts the operations of an evaluation by running it with registers that count.</summary>
internal static class CountedCall<V>
    where V : unmanaged, ISimd<V, float>
{
    public static CallCount Run(ViSNetPotential potential, CallInput input)
    {
        List<Molecule> molecules = [.. input.Elements.Select(elements => new Molecule(elements, 0))];
        using var evaluator = potential.Create<float, CountingSimd<V>>(molecules, 1);
        double[] energies = new double[molecules.Count], gradients = new double[input.Positions.Length];
        Counted.Clear();
        evaluator.Evaluate(input.Positions, default, energies, gradients, default);
        return new CallCount(Counted.Flops, Counted.MultiplyAdds, Counted.Simple, Counted.Divisions, energies);
    }
}
