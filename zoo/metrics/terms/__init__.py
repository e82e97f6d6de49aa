"""The metrics, one theme a file. A file that is put here is found without a list anywhere else."""
