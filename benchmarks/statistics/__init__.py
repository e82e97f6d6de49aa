"""How certain figures are: intervals of medians, and networks compared on the same images."""
