using System.CommandLine;

namespace PluginBridge.Cli.Commands;

/// <summary>Arguments and options that several commands have.</summary>
internal static class CommonOptions
{
    private static readonly Dictionary<string, FragmentScheme> _schemes = new()
    {
        ["whole"] = FragmentScheme.Whole,
        ["dipeptide"] = FragmentScheme.Dipeptide,
        ["window2"] = FragmentScheme.Window2,
        ["window3"] = FragmentScheme.Window3,
    };

    internal static Argument<string> File() => new("FILE.pdb")
    {
        Description = "Protein with all hydrogens: 20 amino acids in their ff14SB forms, ACE, NME",
    };

    internal static Option<string> Scheme()
    {
        var option = new Option<string>("--scheme")
        {
            Description = "How the protein is divided into fragments",
            DefaultValueFactory = _ => "whole",
        };
        option.AcceptOnlyFromAmong([.. _schemes.Keys]);
        return option;
    }

    internal static Option<bool> Json() => new("--json") { Description = "Write one JSON object" };

    internal static Option<bool> SkipUnknown() => new("--skip-unknown")
    {
        Description = "Leave out waters, ions, ligands and other unknown residues of the file",
    };

    /// <summary>The scheme of a name that the option has accepted.</summary>
    internal static FragmentScheme SchemeOf(string name) => _schemes[name];
}
