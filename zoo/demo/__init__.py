"""A local web page to try networks in: app.py serves it, work.py computes, page/ is what the browser shows."""
