"""What lies in a folder of people's own photos, and how it is to be read: found by names and numbers of files."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from registry import Spec
from zoo.contract import TASKS, Task
from zoo.data.dataset import DataError
from zoo.data.files.archive import Store, images, open_store
from zoo.data.files.images import open_image
from zoo.data.files.layout import DIRS, MAPS, Layout, read_layout

CALLED: Mapping[str, tuple[str, ...]] = {  # what people call the folder of a map
    "bg": ("bg", "plate", "plates", "background", "backgrounds"),
    "fg_bg": ("fg_bg", "photo", "photos", "image", "images"),
    "mask": ("fg_bg_mask", "mask", "masks"),
    "depth": ("fg_bg_depth", "depth", "depths"),
}
SPLITS = 3  # train, val, test: so many plates are needed to hold whole ones out


@dataclass(frozen=True)
class Recognised:
    """A folder or a zip of photos, and the spec that reads it."""

    spec: Spec
    photos: int
    plates: int
    size: tuple[int, int]  # (h, w) of the first photo
    tasks: tuple[Task, ...]

    @property
    def shares_plates(self) -> bool:
        """Whether too few plates are there to hold any out, so that photos are dealt out one by one."""
        return self.plates < SPLITS


def recognise(path: str) -> Recognised:
    """The layout, the tasks and the size of people's own data."""
    store = open_store(path)
    dirs = _dirs(store)
    tasks = tuple(task for task in TASKS if task in dirs)
    if absent := [name for name in ("bg", "fg_bg") if name not in dirs] + ["mask"] * (not tasks):
        wanted = "; ".join(f"{name}: {', '.join(CALLED[name])}" for name in absent)
        there = ", ".join(store.folders()) or "no folders"
        raise DataError(f"{path}: it needs folders of images named {wanted}; it has {there}")
    named = tuple(dirs.get(name, default) for name, default in zip(MAPS, DIRS, strict=True))
    options: dict[str, Any] = {"path": path, "tasks": tasks} | ({} if named == DIRS else {"dirs": named})
    layout, template = _layout(path, tasks, named)
    options |= template
    whole = layout.whole()
    if not len(whole):
        raise DataError(
            f"{path}: no photo has its plate and its {' and '.join(tasks)}; zoo data check {path} says more"
        )
    plates = len(set(whole.column("bg")))
    options |= {"split_kind": "random"} if plates < SPLITS else {}
    name = whole.column("fg_bg")[0]
    with open_image(store.read(name), store.label(name)) as image:
        size = image.height, image.width
    return Recognised(Spec("folders", options), len(whole), plates, size, tasks)


def _dirs(store: Store) -> dict[str, str]:
    """Map -> its folder, whatever people call it; below the one folder that a zip was packed with."""
    tops = store.folders()
    if len(tops) == 1:
        tops = sorted({name.rpartition("/")[0] for name in store.names(tops[0])})
    by_name = {top.rpartition("/")[2].lower(): top for top in tops if images(store, top)}
    return {name: by_name[call] for name, known in CALLED.items() for call in known[::-1] if call in by_name}


def _layout(path: str, tasks: tuple[Task, ...], dirs: tuple[str, ...]) -> tuple[Layout, dict[str, str]]:
    """The rows, and the template that finds each photo's plate: by its own name where the plates are called so."""
    with suppress(DataError):
        layout = read_layout(path, tasks=tasks, dirs=dirs, template="{stem}")
        if len(set(layout.whole().column("bg"))) > 1:
            return layout, {"template": "{stem}"}
    return read_layout(path, tasks=tasks, dirs=dirs), {}
