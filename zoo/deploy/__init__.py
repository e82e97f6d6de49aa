"""Prediction on people's own photos and videos.

>>> found = predict("model.safetensors", "bg.jpg", "photo.jpg")  # doctest: +SKIP
>>> found.mask.shape, found.save("out", "photo")  # doctest: +SKIP
"""

from zoo.deploy.inputs import Photo, read
from zoo.deploy.many import PredictReport, PredictSettings, predict_many
from zoo.deploy.outputs import Predicted
from zoo.deploy.pairing import Pair, pairs
from zoo.deploy.predict import network, predict

__all__ = [
    "Pair",
    "Photo",
    "PredictReport",
    "PredictSettings",
    "Predicted",
    "network",
    "pairs",
    "predict",
    "predict_many",
    "read",
]
