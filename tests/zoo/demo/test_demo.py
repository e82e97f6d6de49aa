"""The page's server: what it answers, and what it refuses."""

import base64
import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from photo_files import huge
from PIL import Image
from two_photos import known, photos

import zoo
from zoo.__main__ import main

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from demo_server import Server

from zoo.demo import app as demo
from zoo.demo import work


def file(image: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind)
    return buffer.getvalue()


PLATE, PHOTO = (file(image) for image in photos())


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    alone = zoo.build("unet(width=2, depth=3)", plate=False, tasks="mask")
    there = Server({"known": known(tasks="mask"), "alone": alone})
    yield there
    there.close()


def test_plate_and_photo_become_pictures(server: Server) -> None:
    status, found, _ = server.find(PLATE, PHOTO)
    assert (status, found["network"], found["size"]) == (200, "known", [12, 20])
    assert set(found["pictures"]) == {"mask", "cutout"}
    mask = np.asarray(Image.open(io.BytesIO(base64.b64decode(found["pictures"]["mask"]))))
    assert mask[:, :10].max() < 10 < 245 < mask[:, 10:].min()
    assert server.find(b"", PHOTO, "alone")[0] == 200


def test_the_page_runs_nothing_but_its_own_files(server: Server) -> None:
    for path, kind in (("/", "text/html"), ("/page.js", "javascript"), ("/style.css", "text/css")):
        status, data, headers = server.ask("GET", path)
        assert status == 200
        assert kind in headers["content-type"]
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers or headers["server"] == "uvicorn"
        if path == "/":
            assert b"<script>" not in data
            assert b" on" + b"click" not in data
            assert b" style=" not in data
            assert b"http" not in data


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Host": "127.0.0.1"}, {"Origin": "http://evil.example"}, {"Origin": "null"}],
)
def test_pages_from_elsewhere_are_refused(server: Server, headers: dict[str, str]) -> None:
    assert server.find(PLATE, PHOTO, **headers)[:2] == (403, {"error": "this page is only for this machine"})


def test_own_origin_is_taken_and_a_request_without_the_page_s_header_is_not(server: Server) -> None:
    assert server.find(PLATE, PHOTO, Origin=f"http://127.0.0.1:{server.port}")[0] == 200
    assert server.find(PLATE, PHOTO, Host=f"localhost:{server.port}")[0] == 200
    assert server.ask("POST", "/predict?network=known", PLATE)[0] == 400
    for wrong in ("-1", "x", "9" * 30, "²"):
        assert server.find(PLATE, PHOTO, X_Plate_Bytes=wrong.encode().decode("latin-1"))[0] == 400


@pytest.mark.parametrize(
    "path", ["/../app.py", "/%2e%2e/app.py", "/page/page.html", "//etc/passwd", "/style.css/../../work.py", "/x"]
)
def test_no_path_from_outside_is_used(server: Server, path: str) -> None:
    assert server.ask("GET", path)[0] == 404


@pytest.mark.parametrize(
    ("plate", "photo", "said"),
    [
        (PLATE, b"not a picture", "the photo: not an image"),
        (PLATE, PHOTO[:60], "the photo: damaged or cut short"),
        (b"", PHOTO, "this network compares the photo with its plate"),
        (PLATE, b"", "no photo given"),
        (huge(60_000, 60_000), PHOTO, "the plate: too many pixels"),
        (file(photos()[0][:4]), PHOTO, "must show one view"),
        (PLATE, file(np.zeros((12, 20, 4), np.uint8)), "transparent"),
    ],
    ids=["text", "cut short", "no plate", "no photo", "huge", "another view", "see-through"],
)
def test_broken_and_hostile_files_end_in_a_line(server: Server, plate: bytes, photo: bytes, said: str) -> None:
    status, found, _ = server.find(plate, photo)
    assert status == 400
    assert said in found["error"]
    assert "\n" not in found["error"]


def test_too_many_bytes_are_refused_while_they_come(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "BYTES", 1000)
    status, found, _ = server.find(PLATE, b"0" * 5000)
    assert (status, found["error"][:32]) == (413, "both pictures together have more")


def test_one_computation_at_a_time_and_no_endless_queue(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    running, most = [0], [0]
    go = threading.Event()

    def slow(*_: Any) -> dict[str, Any]:
        running[0] += 1
        most[0] = max(most[0], running[0])
        go.wait(20)
        running[0] -= 1
        return {}

    monkeypatch.setattr(demo, "answer", slow)
    monkeypatch.setattr(demo, "MOST_WAITING", 3)
    results: list[int] = []
    threads = [threading.Thread(target=lambda: results.append(server.find(PLATE, PHOTO)[0])) for _ in range(3)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 30
    while server.ask("GET", "/networks")[1]["waiting"] < 3 and time.monotonic() < until:
        time.sleep(0.02)
    assert server.find(PLATE, PHOTO)[0] == 503
    go.set()
    for thread in threads:
        thread.join(30)
    assert results == [200, 200, 200]
    assert most == [1]
    assert server.ask("GET", "/networks")[1]["waiting"] == 0


def test_large_pictures_are_made_smaller_first() -> None:
    image = work.picture(file(np.zeros((1500, 2000, 3), np.uint8), "JPEG"), "x")
    assert image.shape[1] * image.shape[2] <= 1.01 * 1536 * 1024
    assert image.shape[2] / image.shape[1] == pytest.approx(4 / 3, abs=0.01)


def test_nothing_is_left_behind(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert server.find(PLATE, PHOTO)[0] == 200
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_said(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    for port in (server.port, 70_000):
        assert main(["demo", "--port", str(port)]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"error: port {port} cannot be used (")
        assert len(said.splitlines()) == 1
