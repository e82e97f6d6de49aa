"""How the losses of two tasks become one number, a file each; found without a line anywhere else."""
