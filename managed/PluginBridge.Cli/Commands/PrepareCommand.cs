using System.CommandLine;
using System.Globalization;

namespace PluginBridge.Cli.Commands;

/// <summary><c>pluginbridge prepare</c>: takes a raw PDB file to a runnable one, by PDBFixer in Python.</summary>
internal static class PrepareCommand
{
    internal static Command Create()
    {
        var source = new Argument<string>("RAW.pdb") { Description = "A structure as the Protein Data Bank or another program gives it" };
        var target = new Argument<string>("OUT.pdb") { Description = "Where the prepared structure goes" };
        var ph = new Option<double>("--ph")
        {
            Description = "pH, for residues of which neither hydrogens nor names of the file say the protonation",
            DefaultValueFactory = _ => 7.0,
        };
        var chains = new Option<string>("--chains") { Description = "Chains to take, separated by commas; all by default" };
        Option<string[]> keep = Choices("--keep", "What stays beside the protein, for the host; several times", "waters", "ions", "ligands");
        Option<string> breaks = Choice("--breaks", "Where residues are missing inside a chain: cap with NME and ACE, or model what SEQRES says",
            "refuse", "cap", "model");
        Option<string> nonstandard = Choice("--nonstandard", "Modified residues other than selenomethionine", "refuse", "replace");
        Option<string> hydrogens = Choice("--hydrogens", "Keep the file's hydrogens, or place all anew", "keep", "rebuild");
        Option<string> termini = Choice("--termini", "Ends of chains", "charged", "capped");
        var protonation = new Option<string[]>("--protonation")
        {
            Description = "Form of one residue, such as A:57=HIP; several times",
            DefaultValueFactory = _ => [],
        };
        var seed = new Option<int>("--seed") { Description = "Seed of the first positions of what is added", DefaultValueFactory = _ => 1 };
        var python = new Option<string>("--python")
        {
            Description = $"Python that has PDBFixer ({PythonModule.Variable}, else {PythonModule.Debian})",
        };
        Option<bool> json = CommonOptions.Json();
        var command = new Command("prepare", "Make a raw PDB file runnable, and report every change")
        {
            source, target, ph, chains, keep, breaks, nonstandard, hydrogens, termini, protonation, seed, python, json,
        };
        command.SetAction(parsed =>
        {
            List<string> arguments =
            [
                "--ph", parsed.GetValue(ph).ToString("R", CultureInfo.InvariantCulture),
                "--breaks", parsed.GetRequiredValue(breaks),
                "--nonstandard", parsed.GetRequiredValue(nonstandard),
                "--hydrogens", parsed.GetRequiredValue(hydrogens),
                "--termini", parsed.GetRequiredValue(termini),
                "--seed", parsed.GetValue(seed).ToString(CultureInfo.InvariantCulture),
                .. parsed.GetRequiredValue(keep).Select(molecules => $"--keep={molecules}"),
                .. parsed.GetRequiredValue(protonation).Select(form => $"--protonation={form}"),
            ];
            if (parsed.GetValue(chains) is { } wanted)
                arguments.Add($"--chains={wanted}");
            if (parsed.GetValue(json))
                arguments.Add("--json");
            return PythonModule.Run(parsed.GetValue(python), "pluginbridge.prepare",
                [.. arguments, "--", parsed.GetRequiredValue(source), parsed.GetRequiredValue(target)]);
        });
        return command;
    }

    private static Option<string> Choice(string name, string description, params string[] values)
    {
        var option = new Option<string>(name) { Description = description, DefaultValueFactory = _ => values[0] };
        option.AcceptOnlyFromAmong(values);
        return option;
    }

    private static Option<string[]> Choices(string name, string description, params string[] values)
    {
        var option = new Option<string[]>(name) { Description = description, DefaultValueFactory = _ => [] };
        option.AcceptOnlyFromAmong(values);
        return option;
    }
}
