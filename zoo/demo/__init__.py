"""A page to try networks in, on this machine alone: app.py answers, work.py computes, page/ is what a browser shows."""
