"""Composites of held-out photographs: cut-outs with their own alpha before a background, taken by a camera of its own.

Nothing here is shared with collages, so that a network trained on those does not know the hand that made its test.
"""
