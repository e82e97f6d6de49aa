"""Who takes part, and how a network is run."""
