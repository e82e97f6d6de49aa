"""Files of weights that are foreign, damaged or newer, and disks that refuse: what is said, and what is left behind."""

import os
import pickle
import resource
import stat

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reference.checking import message, refused, tiny
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import zoo
from zoo.files import replacing
from zoo.saved import load, save
from zoo.weights import WeightsError, load_into, read_state


def only(folder):
    return sorted(entry.name for entry in folder.iterdir())


# Files that are refused


@pytest.fixture
def file(tmp_path):
    """A good file of ours, and a way to write it again with other tensors or metadata."""
    path = save(tiny(), tmp_path / "good.safetensors")
    tensors = load_file(path)
    with safe_open(path, "pt") as opened:
        metadata = opened.metadata()

    def altered(change=lambda tensors: None, **changed):
        other = dict(tensors)
        change(other)
        save_file(other, tmp_path / "altered.safetensors", metadata | changed)
        return tmp_path / "altered.safetensors"

    return altered


def test_files_of_others_are_sent_to_build(tmp_path):
    torch.save(tiny().state_dict(), tmp_path / "m.pth")
    save_file(tiny().state_dict(), tmp_path / "m.safetensors")
    for name in ("m.pth", "m.safetensors"):
        assert "zoo.build(name, weights=...)" in message(load, tmp_path / name)


def test_newer_schemas_and_unknown_names_are_refused(file):
    text = message(load, file(schema="2", version="9.1"))
    assert "schema 2" in text
    assert "pairzoo 9.1" in text
    assert "schema none" in message(load, file(schema=""))
    assert "'hydranet'" in message(load, file(spec="hydranet(in_ch=6)"))
    assert "its spec is 'u2netp('" in message(load, file(spec="u2netp("))
    assert "no option 'colour'" in message(load, file(spec="u2netp(colour=red)"))


def test_tensors_that_do_not_fit_the_spec_are_named(file):
    first = "encoder.net.stages.0.enter.conv.weight"
    text = message(load, file(lambda t: (t.pop(first), t.update(extra=torch.zeros(1)))))
    assert f"1 missing ({first})" in text
    assert "1 unexpected (extra)" in text
    text = message(load, file(spec="u2netp(in_ch=8)"))
    assert f"{first} is (64, 6, 3, 3) in the file and (64, 8, 3, 3) in the network" in text
    text = message(load, file(spec="u2netp(tasks=(mask,))"))
    assert "unexpected (decoders.depth." in text
    assert " more)" in text


class Mischief:
    def __reduce__(self):
        return os.mkdir, ("tricked",)


def pickled(thing, protocol=2):
    return pickle.dumps(thing, protocol=protocol)


DAMAGE = {
    "empty": (b"", "is empty"),
    "text": (b"epoch 1: loss 0.3\n" * 10, "not a file of weights"),
    "web page": (b"<!DOCTYPE html><html><body>Quota exceeded</body></html>", "web page"),
    "lfs pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "Git LFS pointer"),
    "half a zip": (b"PK\x03\x04" + b"\x00" * 200, "cut short or damaged"),
    "half a pickle": (pickled({"a": 1})[:-4], "cut short or damaged"),
    "code": (pickled({"state_dict": Mischief()}), "Python code"),
    "a header too long": (b"\xff\xff\xff\xff\x00\x00\x00\x00{", "cut short or damaged"),
}


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_files_say_what_they_are(tmp_path, monkeypatch, kind, ending):
    monkeypatch.chdir(tmp_path)
    content, said = DAMAGE[kind]
    path = tmp_path / f"w.{ending}"
    path.write_bytes(content)
    for call in (read_state, load, lambda path: load_into(tiny(), path)):
        assert said in message(call, path)
    assert only(tmp_path) == [path.name]  # no code ran


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
@given(share=st.floats(0.001, 0.999))
def test_cut_files_are_refused_wherever_they_were_cut(tmp_path_factory, ending, share):
    path = tmp_path_factory.mktemp("cut") / f"w.{ending}"
    state = {f"layer{i}.weight": torch.rand(5, 5) for i in range(4)}
    torch.save(state, path) if ending == "pth" else save_file(state, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    message(read_state, path)


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        ({"weights": [torch.zeros(1), torch.zeros(1)]}, "no named tensors"),
        ([torch.zeros(1)], "holds a list"),
        (torch.zeros(3), "holds a Tensor"),
        ({"state_dict": {}}, "no named tensors"),
        (torch.nn.Linear(1, 1), "Python code"),
    ],
)
def test_files_without_named_tensors_are_refused(tmp_path, thing, said):
    torch.save(thing, tmp_path / "w.pth")
    assert said in message(read_state, tmp_path / "w.pth")


def test_missing_files_and_folders_are_refused(tmp_path):
    for call in (read_state, load, lambda path: zoo.build("u2netp", weights=path)):
        assert "does not exist" in message(call, tmp_path / "none.pth")
        assert "is a folder" in message(call, tmp_path)


# Failures while writing


def test_a_full_disk_leaves_the_old_file(tmp_path):
    path = save(tiny(), tmp_path / "m.safetensors")
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # the system refuses to write more, as a full disk does
    try:
        text = message(save, tiny(in_ch=8), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "could not be written" in text
    assert path.read_bytes() == before
    assert only(tmp_path) == ["m.safetensors"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_interrupted_move_leaves_nothing(tmp_path, monkeypatch, error):
    def fail(*args):
        raise error

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises((WeightsError, KeyboardInterrupt)):
        save(tiny(), tmp_path / "m.safetensors")
    assert only(tmp_path) == []


def test_unwritable_places_are_refused(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.safetensors").mkdir()
    assert "not a folder that exists" in message(save, tiny(), tmp_path / "none" / "m.safetensors")
    assert "not a folder that exists" in message(save, tiny(), tmp_path / "file" / "m.safetensors")
    assert "is a folder" in message(save, tiny(), tmp_path / "folder.safetensors")
    assert "m.safetensors" in message(save, tiny(), tmp_path / "m.pth")
    assert only(tmp_path) == ["file", "folder.safetensors"]


def test_files_get_the_usual_mode_and_links_stay(tmp_path):
    (tmp_path / "plain").touch()
    (tmp_path / "link.safetensors").symlink_to(tmp_path / "real.safetensors")
    save(tiny(), tmp_path / "link.safetensors")
    assert (tmp_path / "link.safetensors").is_symlink()
    assert (tmp_path / "real.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_what_is_no_regular_file_is_not_replaced(tmp_path):
    pipe = tmp_path / "pipe.safetensors"
    os.mkfifo(pipe)
    (tmp_path / "link.safetensors").symlink_to(pipe)
    for path in (pipe, tmp_path / "link.safetensors"):
        with pytest.raises(OSError, match="it is not a regular file") as caught, replacing(path):
            raise AssertionError("nothing may be written")
        assert caught.value.filename == str(path)
        assert "could not be written: it is not a regular file" in message(save, tiny(), path)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert only(tmp_path) == ["link.safetensors", "pipe.safetensors"]


def test_what_is_no_path_is_refused(tmp_path):
    model = tiny()
    for wrong in (3, {}, None, model, b"w.pth"):
        for call in (load, lambda path: load_into(model, path), lambda path: save(model, path)):
            assert "is not a path; give the path of" in message(call, wrong)
    assert "zoo.save(model, 'model.safetensors')" in message(save, model, "")
    assert "is not a path" in message(load, "")
    assert "is not a path" in message(zoo.build, "u2netp", weights=3)
    for wrong in ("b.safetensors", None, torch.nn.Conv2d(6, 2, 1)):
        text = message(save, wrong, tmp_path / "m.safetensors")
        assert text == f"zoo.save(model, path) takes a network of the zoo first, and not a {type(wrong).__name__}"
    assert only(tmp_path) == []


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_numbers_that_are_not_finite_are_noted(tmp_path, value):
    model = tiny()
    model.decoders["mask"].fuse.bias.data.fill_(value)
    path = save(model, tmp_path / "m.safetensors")
    torch.save(model.state_dict(), tmp_path / "m.pth")
    calls = (lambda: load(path), lambda: zoo.build("u2netp", weights=path))
    for call in (*calls, lambda: zoo.build("u2netp", weights=tmp_path / "m.pth")):
        with pytest.warns(UserWarning, match=r"not every number is finite in decoders\.mask\.fuse\.bias:") as caught:
            loaded = call().loaded
        assert [str(warning.message) for warning in caught] == [str(loaded)]
        assert caught[0].filename == __file__
        assert len(loaded.notes) == 1


def test_networks_without_weights_are_not_saved(tmp_path):
    with torch.device("meta"):
        model = zoo.build("unet")
    assert "meta device" in message(save, model, tmp_path / "m.safetensors")


@pytest.mark.parametrize("dtype", [torch.int8, torch.int32, torch.bool])
def test_whole_numbers_are_no_weights(tmp_path, dtype):
    model = zoo.build("unet(width=2)")
    state = {key: value.to(dtype) for key, value in model.state_dict().items()}
    save_file(state, tmp_path / "theirs.safetensors")
    short = str(dtype).removeprefix("torch.")
    assert f"is {short}, and the network's is float32" in refused("unet(width=2)", tmp_path / "theirs.safetensors")
    metadata = {"format": "pairzoo", "schema": "1", "version": "0", "spec": str(model.spec)}
    save_file(state, tmp_path / "ours.safetensors", metadata)
    assert f"is {short}, and the network's is float32" in message(zoo.load, tmp_path / "ours.safetensors")


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.complex64])
def test_numbers_that_nothing_computes_with_are_refused(tmp_path, dtype):
    model = zoo.build("frame_difference")
    save_file({key: value.to(dtype) for key, value in model.state_dict().items()}, tmp_path / "theirs.safetensors")
    assert "accepted are float32" in refused("frame_difference", tmp_path / "theirs.safetensors")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("change", "word"),
    [(torch.Tensor.to_sparse, "sparse"), (lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.qint8), "quantized")],
)
def test_sparse_and_quantized_tensors_are_refused(tmp_path, change, word):
    state = {key: change(value) for key, value in zoo.build("frame_difference").state_dict().items()}
    torch.save(state, tmp_path / "theirs.pth")
    assert f"is {word}; save it dense" in refused("frame_difference", tmp_path / "theirs.pth")


@pytest.mark.parametrize("spec", ["unet(width=6000)", "unet(width=10000000000000)", "unet(in_ch=4000000000)"])
def test_a_small_file_that_names_a_huge_network_takes_no_memory(tmp_path, spec, monkeypatch):
    metadata = {"format": "pairzoo", "schema": "1", "version": "0", "spec": spec}
    save_file({"x": torch.zeros(1)}, tmp_path / "w.safetensors", metadata)
    built = zoo.saved.build
    devices = []
    monkeypatch.setattr("zoo.saved.build", lambda spec: devices.append(torch.get_default_device().type) or built(spec))
    assert "w.safetensors" in message(zoo.load, tmp_path / "w.safetensors")
    assert devices == ["meta"]


def test_statistics_that_claim_terabytes_are_not_looked_at(tmp_path):
    torch.save(tiny().state_dict() | {"normalise.mean": torch.zeros(1).expand(1 << 42)}, tmp_path / "huge.pth")
    with pytest.warns(UserWarning, match=r"unused normalise \(1 tensor\)"):
        load_into(tiny(), tmp_path / "huge.pth")
