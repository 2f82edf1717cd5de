"""Turn bytes into records; know a wire format and nothing else."""
