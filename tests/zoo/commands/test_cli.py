"""`zoo list` and `zoo describe`, as a shell sees them: what is printed where, and the exit code."""

import json
import os
import sys
from argparse import Namespace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from warm import Warm

from registry import DuplicateNameError
from zoo import __main__, commands
from zoo.__main__ import main
from zoo.architectures import architectures

Shown = pytest.CaptureFixture[str]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__main__.__file__).parent.parent), "OMP_NUM_THREADS": "1"}


def test_list_shows_every_architecture_within_100_columns(capsys: Shown) -> None:
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 100
    first_words = [line.split()[0] for line in out.splitlines() if line.strip()]
    assert set(architectures.names()) <= set(first_words)
    assert "62,344,538" in out


def test_list_shows_founding_first_and_baselines_last(capsys: Shown) -> None:
    main(["list", "--json"])
    groups = [row["group"] for row in json.loads(capsys.readouterr().out)]
    assert groups[0] == "founding"
    assert groups[-1] == "baseline"


@pytest.mark.parametrize(
    ("pattern", "names"),
    [("u2net*", ["u2net", "u2netp"]), ("unet", ["unet"]), ("two*, plain_cnn", ["plain_cnn", "two_stream"])],
)
def test_list_takes_a_pattern(pattern: str, names: list[str], capsys: Shown) -> None:
    assert main(["list", pattern, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == names
    assert all(row["params"] == architectures.get(row["name"]).card.published[row["name"]].params for row in rows)


def test_list_builds_nothing(capsys: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a network was built")

    monkeypatch.setattr("zoo.model.PairModel.__init__", refuse)
    assert main(["list"]) == 0


def test_describe_prints_card_options_costs_and_walk(capsys: Shown) -> None:
    assert main(["describe", "unet", "--size", "64x96"]) == 0
    out = capsys.readouterr().out
    for words in (
        "Ronneberger",
        "fusion",
        "aligned, tolerant, signed",
        "6,242,050",
        "At 64 x 96",
        "stages.3",
    ):
        assert words in out
    assert "ConvBNReLU" not in out
    assert main(["describe", "unet", "--size", "64", "--tree"]) == 0
    assert "ConvBNReLU" in capsys.readouterr().out


def test_describe_json_is_all_that_stdout_gets(capsys: Shown, tmp_path: Path) -> None:
    picture = tmp_path / "unet.svg"
    assert main(["describe", "unet(depth=4, tasks=mask)", "--size", "64", "--json", "--svg", str(picture)]) == 0
    shown = capsys.readouterr()
    facts = json.loads(shown.out)
    assert facts["size"] == [64, 64]
    assert facts["spec"].startswith("unet(in_ch=6, tasks=(mask,)")
    assert facts["params"] == facts["tree"]["params"]
    assert shown.err == f"wrote {picture}\n"
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")


def test_a_written_picture_may_be_read_by_others(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        main(["describe", "frame_difference", "--svg", str(tmp_path / "a.svg")])
    finally:
        os.umask(before)
    assert (tmp_path / "a.svg").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("target", ["missing/a.svg", "folder"])
def test_a_picture_that_cannot_be_written_is_one_line_and_no_file(target: str, capsys: Shown, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert main(["describe", "frame_difference", "--size", "32", "--svg", str(tmp_path / target)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"error: {tmp_path / target}: ")
    assert shown.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_full_disk_leaves_the_old_picture_and_no_other(
    capsys: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    picture = tmp_path / "a.svg"
    picture.write_text("old")
    monkeypatch.setattr("os.replace", full)
    assert main(["describe", "frame_difference", "--size", "32", "--svg", str(picture)]) == 2
    assert capsys.readouterr().err == f"error: {picture}: No space left on device\n"
    assert picture.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["describe", "unett"], "no architecture is called 'unett'; did you mean unet"),
        (["describe", "unet(deph=4)"], "unet has no option 'deph'; did you mean depth?"),
        (["describe", "unet(depth=5)"], "depth takes 3 or 4"),
        (["describe", "unet", "--size", "4"], "argument --size: '4' is not a size"),
        (["describe", "unet", "--size", "64x"], "argument --size: '64x' is not a size"),
        (["describe", "unet", "--size", "1x2x3"], "argument --size: '1x2x3' is not a size"),
        (["describe", "unet", "--size=-64"], "argument --size: '-64' is not a size"),
        (["describe"], "the following arguments are required: NAME_OR_SPEC; see zoo describe --help"),
        (["list", "*nothing*"], "no architecture matches '*nothing*'"),
        (["list", "--sjon"], "unrecognized arguments: --sjon; see zoo list --help"),
        (["list", "unet(depth=4)"], 'list takes names and patterns without options; zoo describe "unet(d'),
        (["describe", "unet", "--size", "8193"], "argument --size: '8193' is not a size; give pixels from 8 to 8192"),
        (["lsit"], "invalid choice: 'lsit'"),
        (["train", "--out", ""], "argument --out: the path is empty"),
        (["data", "show", "pairbench", "--out", ""], "argument --out: the path is empty"),
        (["data", "pack", "pairbench", "--out", ""], "argument --out: the path is empty"),
        (["data", "compose", "--bg", "a", "--fg", "b", "--out", ""], "argument --out: the path is empty"),
    ],
)
def test_what_a_user_gets_wrong_is_one_line_on_stderr(args: list[str], message: str, capsys: Shown) -> None:
    assert main(args) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert message in shown.err
    assert shown.err.count("\n") == 1


def test_the_caret_of_a_broken_spec_stands_under_its_character(capsys: Shown) -> None:
    assert main(["describe", "unet(depth=4"]) == 2
    head, spec, caret = capsys.readouterr().err.splitlines()
    assert head == "error:"
    assert caret.index("^") == spec.index("unet(depth=4") + len("unet(depth=4")


def test_no_command_prints_the_help(capsys: Shown) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    assert "list" in out
    assert "describe" in out


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (DuplicateNameError("two of a name"), 2, "error: two of a name\n"),
        (FileNotFoundError(2, "No such file or directory", "x.pth"), 2, "error: x.pth: No such file or directory\n"),
    ],
)
def test_every_error_leaves_by_one_door(
    error: BaseException, code: int, said: str, capsys: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Namespace) -> None:
        raise error

    monkeypatch.setattr("zoo.commands.list.run", fail)
    assert main(["list"]) == code
    assert capsys.readouterr().err == said


def test_debug_shows_the_traceback_of_an_error_and_of_no_later_one(capsys: Shown) -> None:
    assert main(["describe", "nope", "--debug"]) == 2
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "error: no architecture is called 'nope'" in shown
    assert main(["describe", "nope"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_an_error_of_our_own_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Namespace) -> None:
        raise KeyError("ours")

    monkeypatch.setattr("zoo.commands.list.run", fail)
    with pytest.raises(KeyError):
        main(["list"])


def test_a_new_command_is_one_module(tmp_path: Path, capsys: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "greet.py").write_text(
        '"""say hello\n\nMore."""\n\n\ndef arguments(parser):\n    parser.add_argument("name")\n\n\n'
        'def run(args):\n    print("hello", args.name)\n'
    )
    monkeypatch.setattr(commands, "__path__", [*commands.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "zoo.commands.greet", raising=False)
    assert main(["greet", "you"]) == 0
    assert capsys.readouterr().out == "hello you\n"
    main([])
    assert "say hello" in capsys.readouterr().out


def test_python_m_zoo_is_the_same_command(fresh: Warm) -> None:
    done = fresh.run("-m", "zoo", "list", "u2net*", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert [row["name"] for row in json.loads(done.stdout)] == ["u2net", "u2netp"]


def test_a_reader_that_has_seen_enough_ends_it_silently(fresh: Warm) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = fresh.run("-m", "zoo", "list", stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_terminal_without_a_letter_shows_a_question_mark(fresh: Warm) -> None:
    code = "import sys; from zoo.__main__ import main; main(['describe', 'odd', '--size', '32'])"
    plugin = (
        "from registry import Card; from zoo.architectures import register; from zoo.architectures.differences import"
        " FrameDifference\n@register('odd', Card(summary='caf\\u00e9'))\nclass Odd(FrameDifference): pass\n"
    )
    done = fresh.run("-c", plugin + code, encoding="ascii")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("odd: caf?")
