using System.CommandLine;

namespace PluginBridge.Cli.Commands;

/// <summary>Arguments and options that several commands have.</summary>
internal static class CommonOptions
{
    internal static Argument<string> File() => new("FILE.pdb")
    {
        Description = "Protein with all hydrogens: 20 amino acids in their ff14SB forms, ACE, NME",
    };

    internal static Option<string> Scheme()
    {
        var option = new Option<string>("--scheme")
        {
            Description = "How the protein is divided into fragments: whole, dipeptide, window2, window3, window2+pairs, "
                + "window3+pairs; radii between which pairs fade out as in window3+pairs:4-5 (ångström)",
            DefaultValueFactory = _ => "whole",
        };
        option.CompletionSources.Add("whole", "dipeptide", "window2", "window3", "window2+pairs", "window3+pairs");
        option.Validators.Add(result =>
        {
            try
            {
                SchemeText.Parse(result.Tokens.Count > 0 ? result.Tokens[0].Value : "whole");
            }
            catch (PluginBridgeException e)
            {
                result.AddError(e.Message);
            }
        });
        return option;
    }

    internal static Option<bool> Json() => new("--json") { Description = "Write one JSON object" };

    internal static Option<bool> SkipUnknown() => new("--skip-unknown")
    {
        Description = "Leave out waters, ions, ligands and other unknown residues of the file",
    };
}
