"""What a network is: its facts, what it costs at a size, how far it sees, and a picture of its data flow."""

from zoo.describing.description import Description, describe
from zoo.describing.facts import Choice, Layer
from zoo.describing.receptive import Extent
from zoo.describing.stages import Stage

__all__ = ["Choice", "Description", "Extent", "Layer", "Stage", "describe"]
