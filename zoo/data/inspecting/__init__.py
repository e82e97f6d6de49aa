"""Looking at data: what is wrong with it, its figures, and pictures of it."""
