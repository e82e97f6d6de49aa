"""Which files belong together: a background, the picture with the object, its mask and its depth.

The founding layout has a folder for each: bg/, fg_bg/, fg_bg_mask/, fg_bg_depth/. A mask and a depth map bear their
picture's name, of any suffix. The background is found by the picture's place, by its name, or in a manifest.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from zoo.contract import Task
from zoo.data.dataset import DataError
from zoo.data.files.archive import Store, images, inside, leads_out, open_store, read_file
from zoo.data.files.naming import Template, natural, number, positions, stem
from zoo.files import from_json

MAPS = ("bg", "fg_bg", "mask", "depth")
DIRS = ("bg", "fg_bg", "fg_bg_mask", "fg_bg_depth")
Names = dict[str, str]  # by the path without its suffix, inside the map's folder -> the whole name


@dataclass(frozen=True)
class Layout:
    """Rows of file names; a column for each map, of bytes, so that a million rows take some tens of megabytes."""

    store: Store
    columns: Mapping[str, np.ndarray]  # map -> (n,) names; empty where there is none; object, where the names tell it
    missing: Mapping[str, str] = field(default_factory=dict)  # picture -> the partner it lacks
    unused: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # map -> files that no picture needs

    def __len__(self) -> int:
        return len(self.columns["fg_bg"])

    def row(self, index: int) -> dict[str, str]:
        """Map -> file name; maps that are not there left out."""
        names = {name: _text(column[index]) for name, column in self.columns.items()}
        return {name: value for name, value in names.items() if value and name != "object"}

    def object(self, index: int) -> str | None:
        """What its object is called; None where no name tells it."""
        return _text(self.columns["object"][index]) if "object" in self.columns else None

    def column(self, name: str) -> list[str]:
        return [_text(value) for value in self.columns[name]]

    def whole(self) -> "Layout":
        """The rows that lack no file."""
        return self.take(np.all([column != b"" for name, column in self.columns.items() if name != "object"], axis=0))

    def take(self, indices: Sequence[int] | np.ndarray) -> "Layout":
        """Some of the rows."""
        return replace(self, columns={name: column[indices] for name, column in self.columns.items()})


def read_layout(
    path: str,
    *,
    tasks: Sequence[Task] = ("mask", "depth"),
    per_background: int | None = None,
    template: str | None = None,
    objects: str | None = None,
    manifest: str | None = None,
    dirs: Sequence[str] = DIRS,
) -> Layout:
    """The rows of a folder or a zip; no picture is opened.

    tasks: which of mask and depth are wanted; the others need not be there.
    per_background: pictures per background, for those found by place. None: as many as divide evenly.
    template, objects: what in a picture's name tells its background, its object; see `naming.Template`.
    manifest: a .csv with a header or a .jsonl file, with bg, fg_bg, mask, depth, and object if known. One that lies in
        the data names files from its own folder on, another from the data's.
    dirs: the folders of bg, fg_bg, mask and depth, where they are called otherwise.
    """
    store = open_store(path)
    wanted = ("bg", "fg_bg", *tasks)
    if manifest is not None:
        return _listed(store, manifest, wanted)
    found = _found(store, dict(zip(MAPS, dirs, strict=True)), wanted)
    pictures = sorted(found["fg_bg"], key=natural)
    names = [found["fg_bg"][picture] for picture in pictures]
    if template is None:
        backgrounds = _by_place(store, found["bg"], names, per_background)
    else:
        backgrounds = _by_name(found["bg"], names, Template(template, group="bg"))
    columns = {"bg": backgrounds, "fg_bg": names}
    columns |= {task: [found[task].get(picture, "") for picture in pictures] for task in tasks}
    pairs = ((what, pair) for what in columns for pair in zip(names, columns[what], strict=True))
    missing = {name: f"no {what} belongs to it" for what, (name, partner) in pairs if not partner}
    unused = {name: tuple(sorted(set(found[name].values()) - set(columns[name]), key=natural)) for name in columns}
    if objects is not None:
        columns["object"] = list(map(Template(objects, group="object"), names))
    return Layout(store, _arrays(columns), missing, unused)


def _listed(store: Store, manifest: str, wanted: Sequence[str]) -> Layout:
    """The rows of a manifest."""
    rows = list(_manifest(store, manifest, wanted))
    if not rows:
        raise DataError(f"{manifest}: no rows")
    columns = {name: [row[name] for row in rows] for name in wanted}
    return Layout(store, _arrays({**columns, "object": [row["object"] for row in rows]}))


def _arrays(columns: Mapping[str, Sequence[str]]) -> dict[str, np.ndarray]:
    arrays = {name: np.array([_bytes(value) for value in column], np.bytes_) for name, column in columns.items()}
    return {name: array for name, array in arrays.items() if name != "object" or array.any()}


def _bytes(name: str) -> bytes:
    """A name as it is kept; it may hold bytes that are no UTF-8, which Python has as lone surrogates."""
    return name.encode(errors="surrogatepass")


def _text(name: bytes) -> str:
    return name.decode(errors="surrogatepass")


def _found(store: Store, dirs: Mapping[str, str], wanted: Sequence[str]) -> dict[str, Names]:
    """The pictures of each map's folder."""
    tops = store.folders()
    lone = len(tops) == 1 and tops[0] not in {folder.split("/")[0] for folder in dirs.values()}
    prefix = f"{tops[0]}/" if lone else ""  # a data set packed with the folder it lay in
    found: dict[str, Names] = {}
    for name in wanted:
        folder = prefix + inside(dirs[name], store.path).rstrip("/")
        pictures = images(store, folder)
        if not pictures:
            there = ", ".join(tops) or "no folders"
            other = {"mask": "depth", "depth": "mask"}.get(name)
            hint = f", or give tasks={other} if there is no {name}" if other else ""
            raise DataError(
                f"{store.path}: no images in {folder}/, the folder of {name}; it has {there}. Name the four folders"
                f" with dirs=(bg, fg_bg, mask, depth){hint}"
            )
        found[name] = {}
        for file in pictures:
            key = file[len(folder) + 1 :].removesuffix(PurePosixPath(file).suffix)
            if key in found[name]:
                raise DataError(f"{store.label(file)} and {found[name][key]} have one name; remove one of them")
            found[name][key] = file
    return found


def _by_place(store: Store, found: Names, pictures: Sequence[str], per_background: int | None) -> list[str]:
    """Picture i lies over background i // per_background; i is its number where files were lost, else its rank."""
    backgrounds = [found[key] for key in sorted(found, key=natural)]
    places, bg_places = positions(pictures), positions(backgrounds)
    whole = places[-1] + 1 == len(pictures) and len(pictures) % len(backgrounds) == 0
    if whole and per_background in (None, len(pictures) // len(backgrounds)):
        bg_places = np.arange(len(backgrounds))  # they fit as they are, whatever their numbers
    n, n_bg = int(places[-1]) + 1, int(bg_places[-1]) + 1
    if per_background is None and n % n_bg:
        raise DataError(
            f"{store.path}: {n} pictures over {n_bg} backgrounds, which does not divide evenly; say how they belong"
            ' together with per_background=, template= (such as "{stem.split:_:3}") or manifest='
        )
    each = n // n_bg if per_background is None else per_background
    if each < 1 or (n - 1) // each >= n_bg:
        raise DataError(
            f"{store.path}: {n} pictures with per_background={each} need {-(-n // max(each, 1))} backgrounds, and there"
            f" are {n_bg}"
        )
    at = dict(zip(bg_places.tolist(), backgrounds, strict=True))
    return [at.get(place // each, "") for place in places.tolist()]


def _by_name(found: Names, pictures: Sequence[str], template: Template) -> list[str]:
    """The background whose stem is what the template says, or whose number it is."""
    called: defaultdict[str | int | None, list[str]] = defaultdict(list)  # by stem, and by number
    for file in found.values():
        called[stem(file)].append(file)
        called[int(number(file) or -1)].append(file)
    chosen = []
    for picture in pictures:
        said = template(picture)
        fits = [found[said]] if said in found else called[said] or called[int(said) if said.isdecimal() else None]
        if len(fits) > 1:
            raise DataError(f"{picture}: {said!r} may be {fits[0]} or {fits[1]}; give a template with the whole stem")
        chosen.append(fits[0] if fits else "")
    if not any(chosen):
        raise DataError(
            f"{pictures[0]}: its background is {template(pictures[0])!r} by {template.text!r}, and no background is"
            f" called so; there are {', '.join(sorted(found, key=natural)[:3])}"
        )
    return chosen


def _manifest(store: Store, manifest: str, wanted: Sequence[str]) -> Iterator[dict[str, str]]:
    """The rows that a manifest lists; its paths start at its own folder, or at the data's if it lies elsewhere."""
    own = not leads_out(manifest) and manifest in store
    folder = manifest[: manifest.rfind("/") + 1] if own else ""
    try:
        data = store.read(manifest) if own else read_file(manifest)
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{manifest}: cannot be read as a manifest ({error})") from None
    for line, row in _lines(manifest, text):
        empty = [name for name in wanted if not isinstance(row.get(name), str) or not row[name]]
        if empty:
            hint = "; leave a task out with tasks=" if set(empty) <= {"mask", "depth"} else ""
            raise DataError(f"{manifest}, line {line}: no {' and no '.join(empty)}{hint}")
        named = row.get("object", "")
        if not isinstance(named, str | int | None):
            raise DataError(f"{manifest}, line {line}: object is a {type(named).__name__}; text or a number is read")
        paths = {name: folder + inside(row[name], store.path) for name in wanted}
        yield {**paths, "object": "" if named is None else str(named)}


def _lines(manifest: str, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    if manifest.lower().endswith(".csv"):
        reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
        try:
            yield from ((reader.line_num, row) for row in reader)
        except csv.Error as error:
            raise DataError(f"{manifest}, line {reader.line_num}: no CSV ({error})") from None
        return
    for line, content in enumerate(text.splitlines(), start=1):
        if content.strip():
            try:
                row = from_json(content)
            except ValueError as error:
                raise DataError(f"{manifest}, line {line}: no JSON ({error})") from None
            if not isinstance(row, dict):
                raise DataError(f"{manifest}, line {line}: a {type(row).__name__}; an object with bg, fg_bg is read")
            yield line, row
