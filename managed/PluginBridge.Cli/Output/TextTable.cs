using Spectre.Console;

namespace PluginBridge.Cli.Output;

/// <summary>A table: drawn on a terminal, aligned plain columns where the output is redirected.</summary>
internal sealed class TextTable(params string[] headers)
{
    private readonly List<string[]> _rows = [];

    /// <summary>First of the columns that hold numbers.</summary>
    internal int RightAlignedFrom { get; init; } = int.MaxValue;

    internal void Add(params string[] cells) => _rows.Add(cells);

    internal void Write()
    {
        if (Console.IsOutputRedirected)
            WritePlain();
        else
            WriteDrawn();
    }

    private bool HasHeaders => headers.Any(header => header.Length > 0);

    private void WriteDrawn()
    {
        var table = new Table { Border = TableBorder.Rounded, ShowHeaders = HasHeaders };
        for (int column = 0; column < headers.Length; column++)
            table.AddColumn(new TableColumn(Markup.Escape(headers[column]))
            {
                Alignment = column >= RightAlignedFrom ? Justify.Right : Justify.Left,
            });
        foreach (string[] row in _rows)
            table.AddRow([.. row.Select(Markup.Escape)]);
        AnsiConsole.Write(table);
    }

    private void WritePlain()
    {
        List<string[]> lines = HasHeaders ? [headers, .. _rows] : _rows;
        int[] widths = [.. Enumerable.Range(0, headers.Length).Select(column => lines.Max(line => line[column].Length))];
        foreach (string[] line in lines)
        {
            IEnumerable<string> cells = line.Select((cell, column) =>
                column >= RightAlignedFrom ? cell.PadLeft(widths[column]) : cell.PadRight(widths[column]));
            Console.WriteLine(string.Join("  ", cells).TrimEnd());
        }
    }
}
