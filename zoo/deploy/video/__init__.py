"""A network at work on a video and one plate: frames.py reads and writes, following.py keeps what a frame tells the
next one, run.py goes through it all."""
