"""Composites of people's own photographs, made as they are asked for: plates, objects of pieces, two exposures."""
