"""From a data set to batches: in which order, and by which processes."""
