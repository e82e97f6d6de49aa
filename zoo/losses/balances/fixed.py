"""The user's weights, unchanged from the first step to the last."""

from registry import Card
from zoo.losses.balance import Balance, register


@register("fixed", Card(summary="the given weights, unchanged", group="balance"))
class Fixed(Balance):
    """total = sum of weight * loss."""
