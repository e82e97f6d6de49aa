"""Mask and depth of a photo from an exported file, with onnxruntime, numpy and Pillow alone:

python predict.py model.onnx bg.jpg photo.jpg    writes mask.png and depth.png, at the photo's size
"""

import sys

import numpy as np
import onnxruntime
from PIL import Image


def main(model, bg, photo):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    says = session.get_modelmeta().custom_metadata_map
    whole = Image.open(photo).convert("RGB")
    size = says["size"] if says["size"] != "dynamic" else says.get("trained_at")  # height x width, where it matters
    h, w = map(int, size.split("x")) if size else (whole.height, whole.width)
    pictures = {"bg": Image.open(bg).convert("RGB"), "fg_bg": whole}
    images = {each.name: as_input(pictures[each.name], h, w) for each in session.get_inputs()}
    names = [each.name for each in session.get_outputs()]
    for name, values in zip(names, session.run(names, images), strict=True):
        if says["outputs"] == "logits":
            values = 1 / (1 + np.exp(-values))
        values = np.asarray(Image.fromarray(values[0, 0]).resize(whole.size, Image.Resampling.BILINEAR))
        top, kind = (255, np.uint8) if name == "mask" else (65535, np.uint16)  # of depth every bit is seen
        Image.fromarray((values * top).round().astype(kind)).save(f"{name}.png")


def as_input(image, h, w):
    """(1, 3, h, w), values in [0, 1]."""
    resized = image if image.size == (w, h) else image.resize((w, h), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(resized, np.float32).transpose(2, 0, 1)[None] / 255)


if __name__ == "__main__":
    main(*sys.argv[1:])
