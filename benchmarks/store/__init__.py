"""Records: what they are, what makes two of one cell, and where they lie."""
