"""The sources of data, one file each. A file that registers a source here is found without a line anywhere else.

problems.py beside them registers none: it keeps what a source could not read.
"""
