"""kill -9 at random moments: `PYTHONPATH=tests/helpers python -m killing --kills 25`, or `make kill KILLS=25`.

A command is begun, killed, and begun again, over and over; at the end it may finish. What it leaves must be what it
leaves undisturbed: nothing lost, nothing doubled, every file whole.
"""
