"""Shards: their format, their reader, WebDataset's reader, and what happens when they are damaged."""

import json
import os
import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import zoo.data
from registry import OptionError
from zoo.data import DataError
from zoo.data.dataset import DamagedError
from zoo.data.feeding import loader
from zoo.data.feeding.loader import Loader
from zoo.data.feeding.order import Order
from zoo.data.files import images
from zoo.data.files.maps import fast
from zoo.data.files.shards import check_sizes, read_files, read_index, read_offsets, verify, write_shard
from zoo.data.making.packing import Plan, pack
from zoo.metrics import Inference

N, H, W = 7, 24, 40
FIELDS = ("bg", "fg_bg", "mask", "depth", "valid")


def save(path: Path, array: np.ndarray, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)


@pytest.fixture(scope="module")
def loose(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven tuples of as many kinds of files: JPEG and PNG, grey and colour, 8 and 16 bits."""
    folder = tmp_path_factory.mktemp("loose")
    random = np.random.default_rng(0)
    for i in range(N):
        photo = random.integers(0, 255, (H, W, 3), np.uint8)
        mask = np.zeros((H, W), np.uint8)
        mask[4 : 8 + i, 5:20] = 255
        suffix, coloured = ("jpg", i % 3 == 0) if i % 2 else ("png", False)
        save(folder / f"bg/b{i}.{suffix}", photo)
        save(folder / f"fg_bg/p{i}.jpg", photo[::-1].copy(), quality=90)
        save(folder / f"fg_bg_mask/p{i}.{suffix}", mask)
        depth = np.linspace(0, 255, H * W).reshape(H, W)
        if i == 4:
            save(folder / "fg_bg_depth/p4.png", (depth * 257).astype(np.uint16))
        else:
            grey = depth.astype(np.uint8)
            save(folder / f"fg_bg_depth/p{i}.{suffix}", np.stack([grey] * 3, 2) if coloured else grey)
    return folder


def packed(spec: str, out: Path, **options: object) -> Path:
    list(pack(Plan(spec=spec, split="all", folder=out, **{"per_shard": 3, **options})))
    return out


@pytest.fixture(scope="module")
def shards(loose: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed(str(loose), tmp_path_factory.mktemp("shards"))


@pytest.fixture
def copy(shards: Path, tmp_path: Path) -> Path:
    """Shards of one's own, to be damaged."""
    for file in shards.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def same(one: zoo.data.Sample, other: zoo.data.Sample) -> bool:
    return all(torch.equal(getattr(one, field), getattr(other, field)) for field in FIELDS)


@pytest.mark.parametrize("size", [None, (16, 32), (H, W)])
@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_folder_zip_and_shards_give_the_same(
    loose: Path, shards: Path, tmp_path: Path, kind: str, size: tuple[int, int] | None
) -> None:
    path = loose
    if kind == "zip":
        path = tmp_path / "loose.zip"
        with zipfile.ZipFile(path, "w") as file:
            for picture in loose.rglob("*.*g"):
                file.write(picture, picture.relative_to(loose))
    one = zoo.data.load(str(path), split="all", size=size)
    other = zoo.data.load(str(shards), split="all", size=size)
    assert len(one) == len(other) == N
    for i in range(N):
        assert same(one[i], other[i]), i
        assert json.loads(json.dumps(one[i].meta)) == other[i].meta
    assert other[-1].meta["index"] == N - 1


@pytest.mark.parametrize("options", ["depth=brighter-is-nearer", "tasks=mask", "tasks=depth"])
def test_what_was_asked_of_the_folder_holds_for_its_shards(loose: Path, tmp_path: Path, options: str) -> None:
    spec = f"folders(path={loose}, {options})"
    one, other = zoo.data.load(spec, split="all"), zoo.data.load(str(packed(spec, tmp_path)), split="all")
    assert all(same(one[i], other[i]) for i in range(N))
    assert same(one.batch(range(N)), next(iter(Loader(other, range(N), batch=N))))


def test_webdataset_reads_them_unchanged(shards: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    urls = sorted(map(str, shards.glob("*.tar")))
    ours = zoo.data.load(str(shards), split="all")
    theirs = list(webdataset.WebDataset(urls, shardshuffle=False, empty_check=False).decode("torchrgb"))
    assert [sample["__key__"] for sample in theirs] == [f"{i:09d}" for i in range(N)]
    for i, sample in enumerate(theirs):
        assert torch.allclose(sample["fg_bg.jpg"], ours[i].fg_bg)
        assert sample["json"]["index"] == i


def test_copied_byte_for_byte(loose: Path, shards: Path) -> None:
    with tarfile.open(shards / "all-000001.tar") as tar:
        assert tar.getnames()[:5] == [
            f"000000003.{name}" for name in ("bg.jpg", "fg_bg.jpg", "mask.jpg", "depth.jpg", "json")
        ]
        member = tar.extractfile("000000003.bg.jpg")
        assert member is not None
        assert member.read() == (loose / "bg/b3.jpg").read_bytes()


def test_offsets_and_digest_are_what_they_say(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "a.tar", [("k", {"bg.jpg": b"x" * 513, "json": b"{}"}), ("l", {"json": b""})])
    assert (shard.samples, shard.bytes) == (2, (1 + 2) * 512 + (1 + 1) * 512 + 512 + 1024)
    found, offsets = read_offsets(tmp_path / "a.tar")
    assert found == shard
    assert offsets == [0, 2560, 3072]
    data = (tmp_path / "a.tar").read_bytes()
    assert read_files(data[:2560], "a") == {"bg.jpg": b"x" * 513, "json": b"{}"}
    again = write_shard(tmp_path / "a.tar", [("k", {"bg.jpg": b"x" * 513, "json": b"{}"}), ("l", {"json": b""})])
    assert again.sha256 == shard.sha256  # nothing of the time or the machine is in it
    with pytest.raises(DataError, match="no sample where"):
        read_files(data[:3072], "a")  # two samples
    with pytest.raises(DataError, match="cut short"):
        read_files(data[:600], "a")


def test_a_worker_gets_a_reader_of_its_own(shards: Path) -> None:
    dataset = zoo.data.load(str(shards), split="all")
    first = dataset[0]
    again = pickle.loads(pickle.dumps(dataset))
    assert same(again[0], first)
    assert len(pickle.dumps(dataset)) < 5000


def test_descriptors_are_bounded_and_closed(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.data.sources.shards.OPEN", 2)
    dataset = zoo.data.load(str(shards), split="all")
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    wanted = [dataset[i].meta["index"] for i in (0, 3, 6, 1, 4, 2, 6)]
    assert wanted == [0, 3, 6, 1, 4, 2, 6]
    if before is not None:
        assert len(os.listdir("/proc/self/fd")) == before + 2
        del dataset
        assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("workers", [0, 2])
def test_loader_gives_what_batch_gives(shards: Path, workers: int) -> None:
    dataset = zoo.data.load(str(shards), split="all")
    order = Order(N, seed=1, shards=dataset.counts, mix=2)
    indices = list(order) * 6
    loader = Loader(dataset, indices, batch=4, workers=workers)
    batches = list(loader)  # all kept: more than there are blocks
    assert len(batches) == len(loader) == 11
    for i, batch in enumerate(batches):
        expected = dataset.batch(indices[4 * i : 4 * i + 4])
        assert same(batch, expected)
        assert batch.meta == expected.meta


def test_loader_uses_blocks_again_but_never_one_in_use(shards: Path) -> None:
    dataset = zoo.data.load(str(shards), split="all")
    indices = [i % N for i in range(60)]
    kept, places = [], set()
    for i, batch in enumerate(Loader(dataset, indices, batch=2, workers=1)):
        places.add(batch.bg.data_ptr())
        kept = [*kept, (batch.fg_bg[1], indices[2 * i + 1])][-2:]  # a part of an old batch holds its block
        assert all(torch.equal(part, dataset[index].fg_bg) for part, index in kept)
    assert len(places) < 15  # of 30 batches


def test_loader_tells_a_workers_error_as_it_is(copy: Path) -> None:
    dataset = zoo.data.load(str(copy), split="all")
    os.truncate(copy / "all-000001.tar", 600)
    with pytest.raises(DataError, match=r"all-000001\.tar, sample 0: the shard is cut short") as error:
        list(Loader(dataset, range(N), batch=2, workers=1))
    assert "Traceback" not in str(error.value)


def damage(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at : at + 200] = bytes(200)
    path.write_bytes(data)


def test_a_truncated_shard_is_named_at_the_start(copy: Path) -> None:
    path = copy / "all-000001.tar"
    os.truncate(path, path.stat().st_size - 1000)
    with pytest.raises(DataError, match=r"all-000001\.tar: .* bytes where"):
        zoo.data.load(str(copy), split="all")


def test_a_shard_cut_while_it_is_read(copy: Path) -> None:
    dataset = zoo.data.load(str(copy), split="all")
    os.truncate(copy / "all-000002.tar", 600)
    with pytest.raises(DataError, match="cut short"):
        _ = dataset[6]


def test_missing_shards_are_named(copy: Path) -> None:
    (copy / "all-000000.tar").unlink()
    (copy / "all-000002.tar").unlink()
    with pytest.raises(DataError, match=r"all-000000\.tar: No such file .*all-000002\.tar"):
        zoo.data.load(str(copy), split="all")


def test_altered_bytes_are_found_by_verify(copy: Path) -> None:
    index = read_index(copy / "all.index.json")
    assert [problem for _, problem in verify(copy, index)] == ["", "", ""]
    damage(copy / "all-000001.tar", at=900)
    check_sizes(copy, index)
    problems = [problem for _, problem in verify(copy, index)]
    assert (problems[0], problems[2]) == ("", "")
    assert "all-000001.tar" in problems[1]
    assert "sha256" in problems[1]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 2}', '{"version": 1, "split": "all"}'])
@pytest.mark.parametrize("name", ["all.index.json", "all-000000.offsets.json"])
def test_damaged_indices_are_named(copy: Path, name: str, text: str) -> None:
    (copy / name).write_text(text)
    with pytest.raises(DataError, match=name):
        _ = zoo.data.load(str(copy), split="all")[0]


def test_offsets_of_other_shards(copy: Path) -> None:
    path = copy / "all-000000.offsets.json"
    path.write_text(path.read_text().replace('"sha256": "', '"sha256": "0'))
    with pytest.raises(DataError, match="other shards"):
        _ = zoo.data.load(str(copy), split="all")[0]
    assert "other shards" in next(problem for _, problem in verify(copy, read_index(copy / "all.index.json")))


def test_a_split_that_is_not_there(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds the splits all, not val"):
        zoo.data.load(str(shards), split="val")
    with pytest.raises(DataError, match="zoo data pack"):
        zoo.data.load(f"shards:{tmp_path}", split="train")


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_fast_decoding_equals_the_other(mode: str) -> None:
    random = np.random.default_rng(1)
    array = random.integers(0, 255, (33, 47, 3) if mode == "RGB" else (33, 47), np.uint8)
    for options in (
        {"quality": 60},
        {"quality": 95, "subsampling": 0},
        {"progressive": True},
        {"restart_marker_rows": 1},
    ):
        data = jpeg(array, **options)
        out = fast(data, len(mode), (33, 47))
        assert out is not None
        read = images.decode("bg", data, "x").float() / 255 if mode == "RGB" else images.decode("mask", data, "x")
        assert torch.equal(torch.from_numpy(out), read)


def test_fast_decoding_leaves_the_rest_alone() -> None:
    array = np.random.default_rng(2).integers(0, 255, (16, 16, 3), np.uint8)
    rotated = Image.Exif()
    rotated[274] = 6
    plain = jpeg(array)
    for data in (jpeg(array, exif=rotated), b"", plain[:-2], plain[:400], plain[:60] + b"\xff\xd9", b"\x89PNG"):
        assert fast(data, 3) is None, data[:20]
    assert fast(plain, 3, (16, 17)) is None
    assert fast(plain, 1, (16, 16)) is None
    assert fast(plain, 3, (16, 16)) is not None


def jpeg(array: np.ndarray, **options: object) -> bytes:
    import io

    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def test_too_little_shared_memory_names_the_workers(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("unable to allocate shared memory: No space left on device (28)")

    monkeypatch.setattr(loader, "_block", full)
    with pytest.raises(OptionError, match=r"workers=3 takes more shared memory than there is \(.*No space left.*fewer"):
        next(iter(Loader(zoo.data.load(str(shards), split="all"), range(N), batch=2, workers=3)))


def test_a_damaged_picture_in_a_shard_is_one_sample_that_evaluation_leaves_out(copy: Path) -> None:
    path = copy / "all-000000.tar"
    with tarfile.open(path) as shard:
        member = [each for each in shard.getmembers() if ".fg_bg." in each.name][1]
    with path.open("r+b") as file:
        file.seek(member.offset_data)
        file.write(bytes(60))
    data = zoo.data.load(str(copy), split="all", size=(16, 16))
    with pytest.raises(DamagedError, match=r"all-000000\.tar, sample 1"):
        _ = data[1]
    found = zoo.evaluate(zoo.build("frame_difference"), data, inference=Inference(batch=3), resamples=0)
    assert found.images == N - 1
    assert found.ids == [index for index in range(N) if index != 1]
