"""Depth for composed pictures, by name: `plane`, `folder:DIR`, `model:FILE`, `transformers:DIR`.

Depth is relative, as in the contract: 0 nearest, 1 farthest. Where a source knows the background's depth only, the
object stands upright in it, at one depth: that of the nearest thing it hides, which on level ground is where its foot
stands. So it is never farther than what is behind it.
"""

import hashlib
import importlib
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import torch
from torch import Tensor

from registry import Card, Catalog, OptionError, Spec, require
from zoo.data.dataset import DataError
from zoo.data.files.archive import read_file
from zoo.data.files.images import SUFFIXES, decode, to_bytes
from zoo.data.making.placing import cover, resize
from zoo.saved import load

METRIC = ("glpn", "zoedepth", "depth_pro")  # transformers' model types that give metres; the others give 1 / z


class Scene(NamedTuple):
    """What a source may look at. bg, fg_bg (3, h, w) in [0, 1]; solid (1, h, w) bool: where the object is."""

    bg: Tensor
    fg_bg: Tensor
    solid: Tensor
    photo: str  # file name of the background
    photo_size: tuple[int, int]  # h, w of the background's file, of which bg is the middle


class DepthSource:
    """Gives a composed picture its depth."""

    ground = 0.0  # the highest place of an object's foot, of the picture's height from the top

    def depth(self, scene: Scene) -> Tensor:
        """Relative depth (1, h, w) in [0, 1]."""
        raise NotImplementedError(f"{type(self).__name__} must define depth(scene)")

    def digest(self) -> str:
        """Tells one state of the files it reads from another."""
        return ""

    def digest_of(self, photo: str) -> str:
        """The same for what it reads for one background; a DataError if that is missing or cannot be read."""
        return ""


depth_sources: Catalog[Callable[..., DepthSource]] = Catalog("depth source")


def build(text: str) -> DepthSource:
    """The source of a spec: plane, "plane(horizon=0.3)", folder:DIR, model:FILE, "model(path=FILE, device=cuda)"."""
    short = re.fullmatch(r"\s*(\w+):(.+)", text, re.DOTALL)  # the rest is a path, whatever its letters
    spec = Spec(short[1], {"path": short[2]}) if short else Spec.parse(text)
    takes_path = "path" in depth_sources.get(spec.name).options
    if short and not takes_path:
        raise OptionError(f"depth source {spec.name} reads no file; write {spec.name}, or {spec.name}(option=value)")
    if takes_path and "path" not in spec.options:
        raise OptionError(f"depth source {spec.name} needs a path, as in {spec.name}:PATH")
    entry, options = depth_sources.resolve(spec)
    return entry.factory(**options)


def stand(behind: Tensor, solid: Tensor) -> Tensor:
    """The depth of a background (1, h, w) with an upright object in it."""
    nearest = behind.masked_fill(~solid, torch.inf).min()  # nothing is solid: infinite, and nowhere
    return torch.where(solid, nearest, behind)


@depth_sources.register("plane", Card(summary="level ground under a horizon, sky above, the object upright on it"))
class Plane(DepthSource):
    """Level ground seen by an upright camera: 1/z grows linearly from 0 at the horizon to 1/near at the lower edge."""

    def __init__(self, *, horizon: Annotated[float, "where it is, of the height from the top"] = 0.4):
        require(0 <= horizon <= 0.9, "horizon", horizon, "0 to 0.9 of the height from the top")
        self.horizon = horizon
        self.ground = horizon + 0.02  # at the horizon itself things would be infinitely far

    def depth(self, scene: Scene) -> Tensor:
        h, w = scene.bg.shape[-2:]
        rows = (torch.arange(h) + 0.5) / h
        plane = 1 - ((rows - self.horizon) / (1 - self.horizon)).clamp(0, 1)  # far is infinite, so 1/far is 0
        return stand(plane[None, :, None].expand(1, h, w), scene.solid)


@depth_sources.register("folder", Card(summary="ready-made maps of the backgrounds, found by their names"))
class FolderDepth(DepthSource):
    """Maps named as the backgrounds are, up to the suffix; white is far. Any resolution, the same view."""

    def __init__(self, *, path: Annotated[str, "the folder"]):
        self.folder = Path(path)
        if not self.folder.is_dir():
            raise DataError(f"{path}: no such folder; --depth folder:DIR takes a folder of depth maps")

    def depth(self, scene: Scene) -> Tensor:
        values = resize(self._map(scene.photo), scene.photo_size)
        return stand(cover(values, (scene.bg.shape[-2], scene.bg.shape[-1])).clamp(0, 1), scene.solid)

    def digest_of(self, photo: str) -> str:
        self._map(photo)  # whether it can be read
        return digest(self._path(photo).read_bytes())

    def _path(self, photo: str) -> Path:
        stem = self.folder / Path(photo).with_suffix("")
        for suffix in SUFFIXES:
            if (path := stem.with_name(stem.name + suffix)).is_file():
                return path
        raise DataError(
            f"{self.folder} has no depth map for {photo}; it should be called {stem.name}.png, or have another"
            " suffix of images"
        )

    @lru_cache(maxsize=2)  # noqa: B019  (one source per process, as long as the process)
    def _map(self, photo: str) -> Tensor:
        path = self._path(photo)
        return decode("depth", read_file(path), str(path))


@depth_sources.register("model", Card(summary="a network saved by zoo.save, run on bg and fg_bg"))
class Model(DepthSource):
    """Any saved network of the zoo that gives depth."""

    def __init__(self, *, path: Annotated[str, "the .safetensors file"], device: str = "cpu"):
        self.path, self.device = Path(path), device
        self.model = load(path).eval().to(device)
        if "depth" not in self.model.face.tasks or self.model.face.image_ch != 3:
            raise DataError(f"{path}: {self.model.spec} gives no depth for RGB images; save one with tasks=(depth,)")

    def depth(self, scene: Scene) -> Tensor:
        bg, fg_bg = (image[None].to(self.device) for image in (scene.bg, scene.fg_bg))
        with torch.inference_mode():
            depth = self.model(bg, fg_bg).depth
        assert depth is not None
        return _finite(depth[0].float().sigmoid().cpu(), str(self.path))

    def digest(self) -> str:
        return digest(self.path.read_bytes())


@depth_sources.register("transformers", Card(summary="a depth network of transformers, from a local folder"))
class Transformers(DepthSource):
    """A monocular network, run on fg_bg; its output is stretched so that the nearest is 0 and the farthest 1."""

    def __init__(
        self,
        *,
        path: Annotated[str, "the folder with its config.json; nothing is downloaded"],
        device: str = "cpu",
        output: Annotated[Literal["auto", "inverse", "metres"], "what its numbers are; auto asks its config"] = "auto",
    ):
        self.folder, self.device = Path(path), device
        if not (self.folder / "config.json").is_file():
            raise DataError(f"{path}: no config.json in it; --depth transformers:DIR takes a downloaded model's folder")
        try:
            library: Any = importlib.import_module("transformers")  # no dependency: whoever has a model has it
        except ImportError:
            raise DataError(
                "--depth transformers:DIR needs the package transformers; pip install transformers"
            ) from None
        try:
            self.processor = library.AutoImageProcessor.from_pretrained(path, local_files_only=True)
            model = library.AutoModelForDepthEstimation.from_pretrained(path, local_files_only=True)
            self.model = model.eval().to(device)
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"{path}: transformers cannot load it ({' '.join(str(error).split())[:300]})") from error
        config = self.model.config
        kind = getattr(config, "depth_estimation_type", "metric" if config.model_type in METRIC else "relative")
        self.is_metric = output == "metres" or (output == "auto" and kind == "metric")

    def depth(self, scene: Scene) -> Tensor:
        picture = to_bytes(scene.fg_bg).permute(1, 2, 0).numpy()
        inputs = self.processor(images=picture, return_tensors="pt").to(self.device)
        with torch.inference_mode():
            values = self.model(**inputs).predicted_depth.float().cpu()
        values = _finite(values.reshape(1, *values.shape[-2:]), str(self.folder))
        return relative(resize(values, (picture.shape[0], picture.shape[1])), is_metric=self.is_metric)

    def digest(self) -> str:
        files = sorted(path for path in self.folder.iterdir() if path.suffix in (".json", ".safetensors", ".bin"))
        return digest(b"".join(digest(path.read_bytes()).encode() for path in files))


def relative(values: Tensor, *, is_metric: bool) -> Tensor:
    """Relative depth of metres or of 1 / z, (1, h, w) each: 0 is the nearest seen, 1 the farthest.

    >>> relative(torch.tensor([[[1.0, 2.0, 4.0]]]), is_metric=True)
    tensor([[[0.0000, 0.6667, 1.0000]]])
    """
    inverse = 1 / values.clamp(min=1e-3) if is_metric else values  # no camera sees nearer than a millimetre
    low, high = inverse.min(), inverse.max()
    return (high - inverse) / (high - low) if high > low else torch.ones_like(inverse)


def _finite(values: Tensor, name: str) -> Tensor:
    if not values.isfinite().all():
        raise DataError(f"{name}: it gives values that are not finite; its weights may be damaged")
    return values


def digest(data: bytes) -> str:
    """Sixteen letters that tell one content from another."""
    return hashlib.sha256(data).hexdigest()[:16]
