using PluginBridge.Core.Potentials.ViSNet;

namespace PluginBridge.Core.Potentials.Ensemble;

/// <summary>Several networks for the same energy as one potential: their mean. How far they are apart tells how sure the
/// mean is. Immutable, shared by threads.</summary>
public sealed class EnsemblePotential : IPotential
{
    private readonly EnsembleMember[] _members;

    private EnsemblePotential(EnsembleFile file, EnsembleMember[] members)
    {
        _members = members;
        PotentialInfo first = members[0].Potential.Info;
        Info = first with
        {
            Name = file.Name,
            Hash = file.Hash,
            Cutoff = members.Max(member => member.Potential.Info.Cutoff),
        };
        Calibration = file.Calibration;
    }

    /// <summary>Reads an ensemble and its members.</summary>
    /// <param name="path">Path of the JSON file; its members' paths are relative to it.</param>
    /// <exception cref="PluginBridgeException">The file is no ensemble; a member is missing, has another hash, is no
    /// network, or is for another energy than the first.</exception>
    public static EnsemblePotential Load(string path)
    {
        EnsembleFile file = EnsembleFile.Parse(ReadFile(path), path);
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var members = new List<EnsembleMember>();
        try
        {
            foreach ((string member, string hash) in file.Members)
                members.Add(new EnsembleMember(member, LoadMember(path, Path.Combine(folder, member), hash)));
            for (int m = 1; m < members.Count; m++)
                CheckAgreement(path, members[0], members[m]);
            return new EnsemblePotential(file, [.. members]);
        }
        catch
        {
            foreach (EnsembleMember member in members)
                member.Potential.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public PotentialInfo Info { get; }

    /// <summary>Number of members, two or more.</summary>
    public int MemberCount => _members.Length;

    /// <summary>What the spread of forces means; null where it has not been calibrated.</summary>
    public ForceErrorCalibration? Calibration { get; }

    /// <inheritdoc/>
    public bool SupportsBox => Array.TrueForAll(_members, member => member.Potential.SupportsBox);

    /// <inheritdoc/>
    public bool SupportsElement(int atomicNumber) => _members[0].Potential.SupportsElement(atomicNumber);

    /// <summary>An evaluator of the mean, which also evaluates single members: an <see cref="EnsembleEvaluator"/>.</summary>
    public IMoleculeEvaluator CreateEvaluator(IReadOnlyList<Molecule> molecules, EvaluationOptions options) =>
        new EnsembleEvaluator(_members, molecules, options);

    /// <summary>Disposes of the members.</summary>
    public void Dispose()
    {
        foreach (EnsembleMember member in _members)
            member.Potential.Dispose();
    }

    private static byte[] ReadFile(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new PluginBridgeException(ErrorCode.File, $"Cannot read model file '{path}': {e.Message}", e);
        }
    }

    private static ViSNetPotential LoadMember(string ensemble, string path, string hash)
    {
        if (!File.Exists(path))
            throw new PluginBridgeException(ErrorCode.File, $"Cannot use model file '{ensemble}': its member {path} does not exist.");
        byte[] bytes = ReadFile(path);
        if (EnsembleFile.IsJson(bytes))
            throw new PluginBridgeException(ErrorCode.File,
                $"Cannot use model file '{ensemble}': its member {path} is no network but a JSON file; an ensemble has networks as members.");
        ViSNetPotential member = ViSNetPotential.Load(bytes, path);
        return member.Info.Hash == hash
            ? member
            : throw new PluginBridgeException(ErrorCode.File,
                $"Cannot use model file '{ensemble}': its member {path} has the hash {member.Info.Hash}, but {hash} was expected: "
                + "it is another version of the network.");
    }

    private static void CheckAgreement(string ensemble, EnsembleMember first, EnsembleMember other)
    {
        (PotentialInfo a, PotentialInfo b) = (first.Potential.Info, other.Potential.Info);
        Require("target", a.Target.Text(), b.Target.Text());
        Require("base force field", a.BaseForceField ?? "none", b.BaseForceField ?? "none");
        Require("reference method", a.ReferenceMethod, b.ReferenceMethod);
        Require("elements", Elements(first), Elements(other));

        void Require(string what, string expected, string found)
        {
            if (expected != found)
                throw new PluginBridgeException(ErrorCode.File,
                    $"Cannot use model file '{ensemble}': the {what} of its member '{other.File}' ({found}) differs from that of "
                    + $"'{first.File}' ({expected}).");
        }

        static string Elements(EnsembleMember member) =>
            string.Join(", ", member.Potential.Elements.Order().Select(Chemistry.Elements.Symbol));
    }
}

/// <summary>A network of an ensemble and its path in the ensemble's file.</summary>
internal sealed record EnsembleMember(string File, ViSNetPotential Potential);
