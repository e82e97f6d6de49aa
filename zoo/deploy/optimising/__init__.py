"""What `zoo.optimise` is made of: batch norms folded, ways to run a network, their agreement and their times."""
