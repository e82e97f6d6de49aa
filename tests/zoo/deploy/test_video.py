"""Videos: frames in, masks or composites out; what one frame tells the next; ends that come early."""

import tracemalloc
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from textures import moved, texture
from torch import Tensor
from two_photos import known

import zoo
from registry import OptionError, ZooError
from zoo.__main__ import main
from zoo.data import DataError
from zoo.deploy.video import frames as reading
from zoo.deploy.video.following import Following
from zoo.deploy.video.frames import Frame, opened, written
from zoo.deploy.video.run import VideoSettings, covering, predict_video

H, W = 48, 64


def scene() -> Tensor:
    """(3, h, w) in [0, 1]."""
    return torch.nn.functional.interpolate(texture(), (H, W), mode="bilinear")[0] * 0.8


def walking(count: int, noise: float = 0.0, shake: float = 0.0) -> Iterator[Tensor]:
    """A bright square walks through the scene, before a camera with noise that shakes."""
    generator = torch.Generator().manual_seed(0)
    for number in range(count):
        photo = scene()[None]
        if shake:
            x, y = (shake * (torch.rand(2, generator=generator) - 0.5)).tolist()
            photo = moved(photo, (x, y), 0.0)
        photo = photo[0].clone()
        photo[:, 16:32, 4 + 2 * number : 16 + 2 * number] = 1.0
        yield (photo + noise * torch.randn(photo.shape, generator=generator)).clamp(0, 1)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plate, a folder of frames, and weights."""
    monkeypatch.chdir(tmp_path)
    zoo.save(known(tasks="mask"), tmp_path / "w.safetensors")
    (tmp_path / "frames").mkdir()
    save(scene(), tmp_path / "plate.png")
    for number, photo in enumerate(walking(5)):
        save(photo, tmp_path / "frames" / f"f{number}.png")
    return tmp_path


def save(image: Tensor, path: Path) -> None:
    Image.fromarray((image.permute(1, 2, 0) * 255).round().byte().numpy()).save(path)


def test_a_folder_of_frames_becomes_a_folder_of_masks(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["predict", "--weights", "w.safetensors", "--device", "cpu", "--video", "frames", "--out", "masks"]
    assert main([*command, "--plate", "plate.png", "--no-smooth"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("5 frames, ")
    assert sorted(path.name for path in Path("masks").iterdir()) == [f"f{number}.png" for number in range(5)]
    for number in range(5):
        mask = np.asarray(Image.open(f"masks/f{number}.png"))
        assert mask.shape == (H, W)
        assert mask[18:30, 6 + 2 * number : 14 + 2 * number].min() > 200
        assert mask[:12].max() < 50
    assert main([*command, "--plate", "plate.png"]) == 2
    assert "masks: already exists; allow overwrite" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 2
    assert "give --plate PHOTO of the empty scene" in capsys.readouterr().err


def test_the_object_over_another_picture(place: Path) -> None:
    Image.new("RGB", (100, 40), (0, 0, 200)).save("beach.png")
    settings = VideoSettings(over=Path("beach.png"), smooth=False)
    predict_video(known(tasks="mask"), place / "frames", place / "plate.png", place / "out", settings)
    shown = np.asarray(Image.open("out/f2.png"))
    assert shown[20:28, 12:16].min() > 240
    assert abs(shown[:8].reshape(-1, 3).mean(0) - (0, 0, 200)).max() < 8


def test_what_is_not_accepted(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in (
        (["--plate", "plate.png", "plate.png", "plate.png"], "are for videos; give --video FILE as well"),
        ([], "no photo given; give BG PHOTO, or --video FILE"),
        (["--video", "frames"], "for a video give --video FILE --plate PHOTO --out FILE.mp4"),
        (["--video", "frames", "--out", "o", "--size", "tiles"], "size='tiles' is not accepted for a video"),
        (["--video", "none.mp4", "--out", "o"], "none.mp4: No such file"),
        (["--video", "/dev/zero", "--out", "o"], "a pipe, a device or the like"),
    ):
        assert main(["predict", "--weights", "w.safetensors", *words]) == 2
        assert said in capsys.readouterr().err
    with pytest.raises(OptionError, match="size='tiles'"):
        VideoSettings("tiles")
    (place / "empty").mkdir()
    with pytest.raises(DataError, match="no images in it"):
        predict_video(known(), place / "empty", None, place / "o", VideoSettings())


def test_smoothing_takes_flicker_away_and_does_not_hold_what_moves() -> None:
    """A threshold on noise flickers; the square that walks is found where it is, and nowhere else."""
    found = {}
    for smooth in (False, True):
        following = Following(known(tasks="mask"), scene(), precision="fp32", smooth=smooth, update=False)
        masks = [following(photo).mask for photo in walking(12, noise=0.03)]
        found[smooth] = following.raw.mean, following.smoothed.mean, masks[-1]
    assert found[False][0] == found[False][1] == found[True][0] > 0
    assert found[True][1] < 0.5 * found[True][0]
    square = torch.zeros(1, H, W)
    square[:, 16:32, 4 + 22 : 16 + 22] = 1
    for _, _, mask in found.values():
        assert mask is not None
        assert ((mask > 0.5).float() - square).abs().mean() < 0.03


def test_a_camera_that_shakes_is_followed() -> None:
    following = Following(known(tasks="mask"), scene(), precision="fp32", smooth=True, update=False)
    still = Following(known(tasks="mask"), scene(), precision="fp32", smooth=True, update=False)
    wrong = []
    for photo in walking(6, shake=4.0):
        found = following(photo).mask
        plain = zoo.predict(still.model, scene(), photo).mask
        assert found is not None
        assert plain is not None
        wrong.append([float((mask[:, :14] > 0.5).float().mean()) for mask in (found, plain)])
    ours, theirs = np.mean(wrong, 0)
    assert ours < 0.5 * theirs


def test_the_plate_learns_where_nothing_stands_and_not_from_the_object() -> None:
    later = scene()
    later[:, 36:, 44:] += 0.03  # something in the scene is lit since, too little to be an object
    photo = later.clone()
    photo[:, 8:20, 8:20] = 1.0
    learning = Following(known(tasks="mask"), scene(), precision="fp32", smooth=False, update=True)
    for _ in range(60):
        learning(photo)
    assert learning.plate is not None
    away = [(learning.plate - x).abs().mean(0) for x in (later, scene())]
    assert away[0][40:, 50:].mean() < 0.5 * away[1][40:, 50:].mean()
    assert away[1][10:18, 10:18].mean() < 0.02


def test_nothing_grows_with_the_length_of_a_video() -> None:
    following = Following(known(tasks="mask"), scene(), precision="fp32", smooth=True, update=True)
    photos = list(walking(4, noise=0.01))
    sizes = []
    for number in range(120):
        following(photos[number % 4])
        if number == 20:
            tracemalloc.start()
    sizes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sizes[0] < 100_000
    assert sum(isinstance(value, Tensor) for value in vars(following).values()) == 1


def test_a_picture_covers_a_frame_of_any_shape() -> None:
    image = torch.arange(100, dtype=torch.uint8).expand(3, 10, 100)
    assert covering(image, (10, 10)).shape == (3, 10, 10)
    assert covering(image, (10, 10))[0, 0].tolist() == list(range(45, 55))
    assert covering(image, (30, 7)).shape == (3, 30, 7)


def stopping(count: int) -> Iterator[Frame]:
    """Frames, and then Ctrl-C."""
    for number, photo in enumerate(walking(count)):
        yield Frame((photo * 255).byte(), Fraction(number, 10), f"{number}")
    raise KeyboardInterrupt


def test_without_pyav_it_is_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    (place / "a.mp4").write_bytes(b"1")
    with pytest.raises(ZooError, match=r"pip install 'pairzoo\[video\]', or give a folder of frames"):
        masks_of(place / "a.mp4")


def masks_of(path: Path) -> list[np.ndarray]:
    with opened(path, 10**6) as source:
        return [frame.image.permute(1, 2, 0).numpy() for frame in source.frames]


def test_a_video_in_and_out(place: Path) -> None:
    pytest.importorskip("av")
    with written(place / "in.mp4", Fraction(10)) as sink:
        for number, photo in enumerate(walking(6)):
            sink.add((photo * 255).byte(), Frame(photo, Fraction(number, 10), ""))
    with opened(place / "in.mp4", 10**6) as source:
        assert (source.rate, source.count) == (10, 6)
        assert [frame.at for frame in source.frames] == [Fraction(n, 10) for n in range(6)]
    report = predict_video(
        known(tasks="mask"), place / "in.mp4", place / "plate.png", place / "out.mp4", VideoSettings()
    )
    assert (report.frames, report.stopped) == (6, "")
    masks = masks_of(place / "out.mp4")
    assert len(masks) == 6
    assert masks[3][20:28, 12:20].min() > 180
    with pytest.raises(DataError, match=r"3,072|64 x 48 pixels are too many"), opened(place / "in.mp4", 100):
        pass


def test_ctrl_c_leaves_a_video_that_plays(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("av")
    from contextlib import contextmanager

    from zoo.deploy.video import run

    @contextmanager
    def stopped(*_: Any) -> Iterator[reading.Source]:
        yield reading.Source(stopping(4), Fraction(10), 100)

    monkeypatch.setattr(run, "opened", stopped)
    report = predict_video(known(tasks="mask"), place / "x", place / "plate.png", place / "out.mp4", VideoSettings())
    assert (report.frames, report.stopped) == (4, "stopped by Ctrl-C")
    assert len(masks_of(place / "out.mp4")) == 4
    assert [path for path in place.iterdir() if path.name.endswith(".part")] == []


@pytest.mark.parametrize("cut", [0.0, 0.3, 0.8])
def test_videos_that_are_damaged_end_in_a_line(place: Path, cut: float) -> None:
    pytest.importorskip("av")
    with written(place / "in.mkv", Fraction(10)) as sink:
        for photo in walking(20, noise=0.05):
            sink.add((photo * 255).byte(), Frame(photo, None, ""))
    data = (place / "in.mkv").read_bytes()
    (place / "in.mkv").write_bytes(data[: int(cut * len(data))])
    work = partial(predict_video, known(tasks="mask"), place / "in.mkv", place / "plate.png", place / "o.mp4")
    if not cut:
        with pytest.raises(DataError, match=r"in\.mkv: no video that can be read"):
            work(VideoSettings())
        assert not (place / "o.mp4").exists()
        return
    report = work(VideoSettings())
    assert 0 < report.frames == len(masks_of(place / "o.mp4")) < 20


def test_odd_sides_are_one_pixel_longer_in_a_video(place: Path) -> None:
    pytest.importorskip("av")
    with written(place / "odd.mp4", Fraction(25)) as sink:
        sink.add(torch.full((1, 33, 41), 200, dtype=torch.uint8), Frame(torch.empty(0), None, ""))
    (image,) = masks_of(place / "odd.mp4")
    assert image.shape == (34, 42, 3)
    assert abs(int(image.mean()) - 200) < 4
