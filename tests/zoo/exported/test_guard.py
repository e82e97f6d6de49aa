"""A .pt2 that could run code is refused before torch reads it."""

import json
import pickle
import zipfile

import pytest
import torch

import zoo
from zoo.deploy.exporting import export
from zoo.exported.guard import _is_size, require_no_code


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    model = zoo.build("frame_difference")
    return export(model, tmp_path_factory.mktemp("guard") / "m.pt2", format="pt2").path


def changed(path, tmp_path, member, change):
    """The archive with one file of it changed; as torch writes them, uncompressed."""
    out = tmp_path / "changed.pt2"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content) if name.endswith(member) else content)
    return out


def replaced(before, after):
    def change(content):
        assert before in content
        return content.replace(before, after)

    return change


class Runs:
    def __reduce__(self):
        return (print, ("code ran",))


@pytest.mark.parametrize(
    ("member", "change", "said"),
    [
        ("model.json", replaced(b"torch.ops.aten.mul.Tensor", b"torch.os.system"), "a call of torch.os.system"),
        ("model.json", replaced(b"torch.ops.aten.mul.Tensor", b"builtins.exec"), "a call of builtins.exec"),
        ("weights_config.json", replaced(b'"use_pickle": false', b'"use_pickle": true'), "pickled tensors"),
        ("sample_inputs/model.pt", lambda _: pickle.dumps(Runs()), "objects"),
    ],
)
def test_what_could_run_code_is_refused(path, tmp_path, capsys, member, change, said):
    with pytest.raises(zoo.ZooError, match=f"holds {said}.*reading it could run code"):
        zoo.load(changed(path, tmp_path, member, change))
    assert "code ran" not in capsys.readouterr().out


def test_text_of_sizes_is_looked_at(path, tmp_path):
    def change(content):
        graph = json.loads(content)
        graph["more"] = [{"deep": {"expr_str": "exit()"}}]
        return json.dumps(graph).encode()

    with pytest.raises(zoo.ZooError, match=r"holds a size that is 'exit\(\)'"):
        require_no_code(changed(path, tmp_path, "model.json", change))


@pytest.mark.parametrize("text", ["exit()", "().__class__", "open(0)", "lambda: 0", "s0.func", "a[0]", "print(1)", 7])
def test_only_arithmetic_of_sizes_is_a_size(text):
    assert not _is_size(text)


@pytest.mark.parametrize("damage", [lambda data: data[:200], lambda data: b"", lambda data: b"x" * 300])
@pytest.mark.parametrize("suffix", [".pt2", ".onnx"])
def test_damaged_files_are_a_line(path, tmp_path, damage, suffix):
    if suffix == ".onnx":
        pytest.importorskip("onnxruntime")
    broken = tmp_path / f"broken{suffix}"
    broken.write_bytes(damage(path.read_bytes()))
    with pytest.raises(zoo.ZooError, match="is cut short or damaged"):
        zoo.load(broken)


def test_files_of_others_are_told_apart(tmp_path):
    program = torch.export.export(torch.nn.Conv2d(3, 2, 1), (torch.rand(1, 3, 8, 8),))
    torch.export.save(program, tmp_path / "theirs.pt2")
    with pytest.raises(zoo.ZooError, match=r"was not written by zoo\.export"):
        zoo.load(tmp_path / "theirs.pt2")
    with pytest.raises(zoo.ZooError, match="does not exist"):
        zoo.load(tmp_path / "none.onnx")
