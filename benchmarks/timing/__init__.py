"""Calls in shuffled rounds, what slows them, and how long they may take."""
