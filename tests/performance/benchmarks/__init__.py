"""Parts of bench.py, one a file; each has `run(settings)`, which returns what goes into its JSON."""
