"""The losses, a file for each kind; what they register is found without a line anywhere else."""
