"""The augmentations, one registered function each: (batch, draw, *, options) -> batch. A new one is one function."""
