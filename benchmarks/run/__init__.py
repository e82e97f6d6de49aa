"""A comparison while it runs: here, or on a cluster."""
