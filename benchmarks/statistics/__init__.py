"""How sure: intervals of medians, and networks on the same images."""
