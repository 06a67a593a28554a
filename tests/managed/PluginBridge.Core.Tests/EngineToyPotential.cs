using PluginBridge.Core.Potentials;

namespace PluginBridge.Core.Tests;

/// <summary>
/// A smooth potential of known form: E = Σ_i a(Z_i) + q·b + Σ_(i&lt;j) w(Z_i) w(Z_j) exp(−r/ρ) (1 − r²/r_c²)³, and with
/// <see cref="ManyBody"/> a term that is no sum of pairs, Σ_i √(1 + Σ_j exp(−r/ρ)(1 − r²/r_c²)³).
/// </summary>
internal sealed class EngineToyPotential : IPotential
{
    public PotentialTarget Target { get; init; } = PotentialTarget.CorrectionToForceField;

    public bool ManyBody { get; init; }

    public double Cutoff { get; init; } = 5.0;

    public bool SupportsBox { get; init; }

    /// <summary>A molecule with this charge is refused at its evaluation.</summary>
    public int? FailingCharge { get; init; }

    /// <summary>The gradient of a molecule with this charge is not a number.</summary>
    public int? SteepCharge { get; init; }

    public PotentialInfo Info => new()
    {
        Name = "toy",
        Target = Target,
        BaseForceField = Target == PotentialTarget.Absolute ? null : "amber-ff14sb",
        ReferenceMethod = "toy",
        Cutoff = Cutoff,
    };

    public bool SupportsElement(int atomicNumber) => atomicNumber is 1 or 6 or 7 or 8 or 16;

    public IMoleculeEvaluator CreateEvaluator(IReadOnlyList<Molecule> molecules, EvaluationOptions options) => new Evaluator(this, molecules);

    public void Dispose()
    {
    }

    private sealed class Evaluator(EngineToyPotential toy, IReadOnlyList<Molecule> molecules) : IMoleculeEvaluator
    {
        private const double Strength = 40;
        private const double Decay = 0.12;

        private readonly int[][] _elements = [.. molecules.Select(m => m.AtomicNumbers.ToArray())];
        private readonly double[] _density = new double[molecules.Max(m => m.AtomicNumbers.Count)];

        public void Evaluate(ReadOnlySpan<double> positions, ReadOnlySpan<double> box, Span<double> energies, Span<double> gradients, Span<double> strainGradients)
        {
            gradients.Clear();
            strainGradients.Clear();
            int first = 0;
            for (int m = 0; m < _elements.Length; m++)
            {
                if (molecules[m].Charge == toy.FailingCharge)
                    throw new PluginBridgeException(ErrorCode.Calculation, "the toy does not converge.") { Molecule = m };
                int count = 3 * _elements[m].Length;
                energies[m] = Energy(_elements[m], molecules[m].Charge, positions.Slice(first, count), box,
                    gradients.IsEmpty ? [] : gradients.Slice(first, count), strainGradients.IsEmpty ? [] : strainGradients.Slice(9 * m, 9));
                if (molecules[m].Charge == toy.SteepCharge && !gradients.IsEmpty)
                    gradients[first + 4] = double.PositiveInfinity;
                first += count;
            }
        }

        public void Dispose()
        {
        }

        private double Energy(int[] z, int charge, ReadOnlySpan<double> r, ReadOnlySpan<double> box, Span<double> g, Span<double> strain)
        {
            double energy = 7.0 * charge;
            Array.Clear(_density);
            for (int i = 0; i < z.Length; i++)
                energy += 3 * z[i];
            Span<double> d = stackalloc double[3];
            for (int i = 0; i < z.Length; i++)
                for (int j = 0; j < i; j++)
                    AddDensity(i, j, Value(r, box, i, j, d).Value);
            for (int i = 0; i < z.Length; i++)
            {
                if (toy.ManyBody)
                    energy += Strength * Math.Sqrt(1 + _density[i]);
                for (int j = 0; j < i; j++)
                {
                    (double value, double slope) = Value(r, box, i, j, d);
                    double weight = Strength * Math.Sqrt(z[i] * z[j]);
                    energy += weight * value;
                    double factor = weight;
                    if (toy.ManyBody)
                        factor += Strength * (0.5 / Math.Sqrt(1 + _density[i]) + 0.5 / Math.Sqrt(1 + _density[j]));
                    if (g.IsEmpty)
                        continue;
                    for (int a = 0; a < 3; a++)
                    {
                        g[3 * i + a] += factor * slope * d[a];
                        g[3 * j + a] -= factor * slope * d[a];
                        for (int b = 0; b < 3 && !strain.IsEmpty; b++)
                            strain[3 * a + b] += factor * slope * d[a] * d[b];
                    }
                }
            }

            return energy;
        }

        private void AddDensity(int i, int j, double value)
        {
            _density[i] += value;
            _density[j] += value;
        }

        /// <summary>φ(r) and φ'(r)/r; d = r_i − r_j, its minimum image in a box.</summary>
        private (double Value, double Slope) Value(ReadOnlySpan<double> r, ReadOnlySpan<double> box, int i, int j, Span<double> d)
        {
            for (int a = 0; a < 3; a++)
                d[a] = r[3 * i + a] - r[3 * j + a];
            for (int v = 2; v >= 0 && !box.IsEmpty; v--)
            {
                double n = Math.Round(d[v] / box[4 * v]);
                for (int a = 0; a < 3; a++)
                    d[a] -= n * box[3 * v + a];
            }

            double length = Math.Sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]), x = length / toy.Cutoff;
            if (x >= 1)
                return (0, 0);
            double bell = 1 - x * x, decay = Math.Exp(-length / Decay);
            return (decay * bell * bell * bell, decay * bell * bell * (-bell / Decay - 6 * x / toy.Cutoff) / length);
        }
    }
}
