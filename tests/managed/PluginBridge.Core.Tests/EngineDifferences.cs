using PluginBridge.Core.Engine;

namespace PluginBridge.Core.Tests;

/// <summary>Forces and virials by differences of energies.</summary>
internal static class EngineDifferences
{
    /// <summary>Compares forces with −dE/dr, fourth-order central differences, on some atoms and on every cap's two.</summary>
    public static void CheckForces(FragmentedSystem system, double[] positions, double[] box, EnergyQuantity quantity,
        double relativeTolerance = 1e-6, double step = 2e-5, int atoms = 12, Core.Potentials.EvaluationOptions? options = null)
    {
        using Workspace workspace = system.CreateWorkspace(options ?? new() { DoublePrecision = true });
        var forces = new double[positions.Length];
        workspace.Evaluate(positions, box, quantity, forces, []);
        double scale = Math.Max(1, forces.Max(Math.Abs));
        var random = new Random(5);
        var moved = (double[])positions.Clone();
        int[] used = [.. system.Fragments.SelectMany(f => f.Atoms).Distinct().Order()];
        int[] caps = [.. system.Fragments.SelectMany(f => f.Caps).SelectMany(c => new[] { c.Anchor, c.Replaced }).Distinct()];
        foreach (int atom in caps.OrderBy(_ => random.Next()).Take(atoms).Concat(used.OrderBy(_ => random.Next()).Take(atoms)).Distinct())
            for (int i = 3 * atom; i < 3 * atom + 3; i++)
            {
                double At(double offset)
                {
                    moved[i] = positions[i] + offset;
                    double energy = workspace.Evaluate(moved, box, quantity, [], []);
                    moved[i] = positions[i];
                    return energy;
                }

                double expected = -(8 * (At(step) - At(-step)) - (At(2 * step) - At(-2 * step))) / (12 * step);
                Assert.That(forces[i], Is.EqualTo(expected).Within(relativeTolerance * scale),
                    $"{quantity}, {system.Topology.Describe(atom)}, {"xyz"[i % 3]}");
            }
    }

    /// <summary>
    /// Compares the virial with −dE/dε. A shear x += γy keeps the box in reduced form; a rotation makes it the symmetric
    /// strain.
    /// </summary>
    public static void CheckVirial(FragmentedSystem system, double[] positions, double[] box, EnergyQuantity quantity,
        double relativeTolerance = 1e-6, double step = 1e-5)
    {
        using Workspace workspace = system.CreateWorkspace(new() { DoublePrecision = true });
        var virial = new double[9];
        workspace.Evaluate(positions, box, quantity, [], virial);
        double scale = Math.Max(1, virial.Max(Math.Abs));
        for (int i = 0; i < 3; i++)
            for (int j = i; j < 3; j++)
            {
                double[] Strained(double[] vectors, double gamma)
                {
                    var result = (double[])vectors.Clone();
                    for (int k = 0; k < vectors.Length; k += 3)
                        result[k + i] += gamma * vectors[k + j];
                    return result;
                }

                double At(double gamma) => workspace.Evaluate(Strained(positions, gamma), Strained(box, gamma), quantity, [], []);
                double expected = -(8 * (At(step) - At(-step)) - (At(2 * step) - At(-2 * step))) / (12 * step);
                Assert.That(virial[3 * i + j], Is.EqualTo(expected).Within(relativeTolerance * scale), $"{quantity}, strain {"xyz"[i]}{"xyz"[j]}");
                Assert.That(virial[3 * j + i], Is.EqualTo(virial[3 * i + j]));
            }
    }
}
