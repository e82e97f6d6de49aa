"""The site of `make docs`: the repository's pages, and what follows from its catalogs and records."""
