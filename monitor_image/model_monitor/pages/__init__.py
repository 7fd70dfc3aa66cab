"""Pages for people: views of report.json, each one file that needs nothing else."""
