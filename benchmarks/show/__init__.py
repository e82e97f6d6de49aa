"""Records as tables, files, the page, and answers."""
