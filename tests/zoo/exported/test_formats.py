"""Every format, with its own program, and the examples that use nothing of this library. Slow."""

import functools
import os
import shutil
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from report_browser import CHROMIUM, launched

import zoo
from zoo.deploy.exporting import export
from zoo.deploy.formats import FORMATS

pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "exported"
WEB = os.environ.get("ORT_WEB")  # the folder dist of onnxruntime-web
UNKNOWN_ELSEWHERE = ("If", "Loop", "Scan", "Scatter", "NonZero", "Unique")  # to TensorRT or CoreML, as nodes begin


def with_numbers(spec):
    """A network whose maps are not flat: weights drawn wide, norms with statistics."""
    torch.manual_seed(0)
    model = zoo.build(spec).eval()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
    return model


def require(format):
    for package in FORMATS[format].packages:
        pytest.importorskip(package)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    ("spec", "size"), [("unet(width=4)", "dynamic"), ("u2netp", "dynamic"), ("resnet18_unet", (64, 96))]
)
def test_each_format_comes_back(format, spec, size, tmp_path):
    require(format)
    model = with_numbers(spec)
    done = export(model, tmp_path / f"m{FORMATS[format].suffix}", format=format, size=size)
    back = zoo.load(done.path)
    h, w = (70, 90) if size == "dynamic" else size
    bg, fg_bg = torch.rand(2, 2, 3, h, w).unbind()
    with torch.no_grad():
        for one, other in zip(back(bg, fg_bg), model(bg, fg_bg), strict=True):
            assert (one.sigmoid() - other.sigmoid()).abs().mean() < FORMATS[format].mean
    assert done.bytes == sum(path.stat().st_size for path in tmp_path.iterdir())


def test_files_say_nothing_of_this_machine(tmp_path):
    for format in ("onnx", "openvino", "pt2"):
        require(format)
        export(zoo.build("frame_difference"), tmp_path / f"m{FORMATS[format].suffix}", format=format)
    for path in tmp_path.iterdir():
        assert str(EXAMPLES.parents[1]).encode() not in path.read_bytes(), path.name


@pytest.mark.parametrize(("name", "size"), [("aligned_difference", "dynamic"), ("pairnet-nano", (64, 96))])
def test_a_network_that_registers_the_plate_has_operations_that_others_know(name, size, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    path = export(zoo.load(name), tmp_path / "m.onnx", size=size).path
    kinds = [node.op_type for node in onnx.load(path).graph.node]
    assert [kind for kind in kinds if kind.startswith(UNKNOWN_ELSEWHERE)] == []
    assert len(kinds) < 2500


# without this library


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """bg and photo as files, lossless, and as tensors."""
    folder = tmp_path_factory.mktemp("pictures")
    sample = zoo.data.load("pairbench:hard", split="val", size=(72, 100))[3]
    for name in ("bg", "fg_bg"):
        picture = Image.fromarray((getattr(sample, name).permute(1, 2, 0).numpy() * 255).round().astype(np.uint8))
        picture.save(folder / f"{name}.png")
        picture.save(folder / f"{name}.ppm")
    return folder


@pytest.fixture(scope="module")
def network():
    return with_numbers("unet(width=4)")


def expected(network, folder):
    return zoo.predict(network, folder / "bg.png", folder / "fg_bg.png", size=None)


@pytest.mark.parametrize("outputs", ["probabilities", "logits"])
def test_onnxruntime_in_python(network, pictures, tmp_path, outputs):
    require("onnx")
    path = export(network, tmp_path / "model.onnx", outputs=outputs).path
    words = [sys.executable, EXAMPLES / "predict.py", path, pictures / "bg.png", pictures / "fg_bg.png"]
    subprocess.run(words, cwd=tmp_path, check=True, timeout=300)
    wanted = expected(network, pictures)
    for name, top in (("mask", 255), ("depth", 65535)):
        found = np.asarray(Image.open(tmp_path / f"{name}.png")).astype(float) / top
        assert np.abs(found - getattr(wanted, name)[0].numpy()).max() < 1 / 255 + 1e-3


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path; set CHROMIUM to one")
@pytest.mark.skipif(WEB is None, reason="no onnxruntime-web; set ORT_WEB to its folder dist")
def test_onnxruntime_in_a_page(network, pictures, tmp_path):
    require("onnx")
    path = export(network, tmp_path / "model.onnx").path
    for name in ("ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"):
        shutil.copy(Path(WEB) / name, tmp_path)
    shutil.copy(EXAMPLES / "page.html", tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for browser in launched():
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/page.html")
        for name, file in (("model", path), ("bg", pictures / "bg.png"), ("fg_bg", pictures / "fg_bg.png")):
            page.set_input_files(f"#{name}", file)
        page.click("#run")
        page.wait_for_function("document.getElementById('told').value.length > 1", timeout=240_000)
        assert page.evaluate("document.getElementById('told').value") == "100 x 72 pixels"
        found = np.array(page.evaluate("Array.from(window.found.values)")).reshape(72, 100)
    server.shutdown()
    assert np.abs(found - expected(network, pictures).mask[0].numpy()).max() < 1e-3


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.mark.skipif(shutil.which("g++") is None, reason="no compiler")
@pytest.mark.parametrize("format", ["openvino", "onnx"])
def test_openvino_in_cpp(network, pictures, tmp_path, format):
    require(format)
    openvino = pytest.importorskip("openvino")
    path = export(network, tmp_path / f"model{FORMATS[format].suffix}", format=format).path
    home = Path(openvino.__file__).parent
    library = next(home.glob("libs/libopenvino.so*"))
    flags = ["-std=c++17", "-O1", f"-I{home / 'include'}", f"-Wl,-rpath,{home / 'libs'}"]
    program = tmp_path / "predict"
    subprocess.run(["g++", *flags, EXAMPLES / "predict.cpp", library, "-o", program], check=True, timeout=600)
    words = [program, path, pictures / "bg.ppm", pictures / "fg_bg.ppm", tmp_path / "mask.pgm"]
    subprocess.run(words, check=True, timeout=300)
    found = np.asarray(Image.open(tmp_path / "mask.pgm")).astype(float) / 255
    assert np.abs(found - expected(network, pictures).mask[0].numpy()).max() < 1 / 255 + 1e-3
    done = subprocess.run([program, path, "none.ppm", "none.ppm", "x"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: none.ppm is no binary PPM of 8 bits\n")
