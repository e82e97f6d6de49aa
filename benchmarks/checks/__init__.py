"""Whether what is measured can be trusted, and what the library promises holds."""
