"""The weights that ship: what `zoo predict` takes where none are given. Their card says where they come from."""

from pathlib import Path

READY = Path(__file__).parent / "aligned_difference.safetensors"
CARD = READY.with_suffix(".md")
