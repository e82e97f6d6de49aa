"""One function over many items in several processes: results, errors, deaths, Ctrl-C and a killed parent."""

import itertools
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch

from registry import OptionError
from zoo import parallel
from zoo.parallel import ClusterError, Demand, WorkerDiedError, run

ROOT = Path(__file__).resolve().parents[3]


def double(item):
    return 2 * item


def double_and_look(item):
    return 2 * item, os.getpid(), torch.get_num_threads()


def span(folder, item):
    """From when to when an item was worked on. The first two wait for each other: two processes must be at work."""
    began = time.monotonic()  # one clock for all processes of a machine
    (folder / f"{item}.began").touch()
    if item < 2:
        wait_until((folder / f"{1 - item}.began").exists)
    time.sleep(0.3)
    return began, time.monotonic(), torch.get_num_threads()


def refuse(wrong, item):
    if item == wrong:
        raise ValueError(f"{item} is refused") from KeyError("why")
    return item


def die(how, item):
    if item == 3:
        os.kill(os.getpid(), how) if how else os._exit(7)
    time.sleep(0.05)
    return item


def mark(folder, item):
    (folder / f"{os.getpid()}.pid").touch()
    try:
        time.sleep(600)
    finally:
        (folder / f"{os.getpid()}.cleaned").touch()
    return item


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z" if Path("/proc/self").exists() else True


def wait_until(condition, seconds=240.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.parametrize("workers", [0, 1, pytest.param(3, marks=pytest.mark.slow)])
def test_every_item_gets_its_result_once(workers):
    assert sorted(run(double, range(23), workers=workers)) == [(item, 2 * item) for item in range(23)]


def test_items_are_drawn_as_needed_by_processes_of_one_thread_that_end_when_the_loop_does():
    drawn = []
    endless = (drawn.append(item) or item for item in itertools.count())
    results = run(double_and_look, endless, workers=2)
    pairs = list(itertools.islice(results, 12))
    assert all(double == 2 * item for item, (double, _, _) in pairs)
    assert len({item for item, _ in pairs}) == 12
    assert {count for _, (_, _, count) in pairs} == {1}
    assert len(drawn) <= 12 + 2 * 2
    pids = {pid for _, (_, pid, _) in pairs}
    assert os.getpid() not in pids
    results.close()
    assert not any(map(alive, pids))


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_arrives_as_it_is_with_its_item(workers):
    with pytest.raises(ValueError, match="5 is refused") as caught:
        list(run(partial(refuse, 5), range(100), workers=workers))
    assert caught.value.item == 5
    assert caught.value.__notes__ == ["while working on 5"]
    assert "why" in str(caught.value.__cause__)


@pytest.mark.parametrize(
    ("how", "said"), [(0, "exit code 7"), pytest.param(signal.SIGKILL, "SIGKILL", marks=pytest.mark.slow)]
)
def test_a_dead_worker_is_reported_with_its_item(how, said):
    with pytest.raises(WorkerDiedError, match=rf"died \({said}\) while working on 3\b"):
        list(run(partial(die, how), range(100), workers=2))


def test_wrong_calls_are_refused_at_once():
    for wrong in (-1, 1.5, True, "2"):
        with pytest.raises(OptionError, match="workers takes"):
            run(double, [1], workers=wrong)
    with pytest.raises(OptionError, match="cannot be sent to another process"):
        list(run(lambda item: item, [1], workers=2))


def test_ray_is_asked_for_by_name_and_its_absence_is_told(monkeypatch):
    with pytest.raises(OptionError, match="takes 'processes' or 'ray'"):
        run(double, [1], executor="dask")
    with pytest.raises(OptionError, match="None but for executor='ray'"):
        run(double, [1], address="auto")
    monkeypatch.setattr(parallel.cluster, "find_spec", lambda name: None)
    for call in (lambda: run(double, [1], executor="ray"), lambda: parallel.session("ray")):
        with pytest.raises(ClusterError, match=r"pip install -e '\.\[cluster\]'"):
            call()


def test_what_an_item_may_ask_for():
    assert Demand.of({}) == Demand(cpu=1, gpu=0, exclusive=False)
    assert Demand.of({"gpu": 0.25, "cpu": 2}) == Demand(cpu=2, gpu=0.25)
    for wrong in ({"gpu": 1.5}, {"cpu": -1}, {"cpu": True}, {"gpu": "1"}, {"exclusive": 1}, {"ram": 1}, {"cpu": 0}):
        with pytest.raises(OptionError, match="resources"):
            run(double, [1], resources=wrong)
    with pytest.raises(OptionError, match="'ram' is not known"):
        list(run(double, [1], workers=1, resources=lambda item: {"ram": item}))
    with pytest.raises(OptionError, match="3 asks for cpu=3, and there are 2 workers"):
        list(run(double, [3], workers=2, resources={"cpu": 3}))
    with pytest.raises(OptionError, match="is dealt out by executor='ray'"):
        list(run(double, [1], workers=2, resources={"gpu": 1}))


def test_an_exclusive_item_is_worked_on_alone(tmp_path):
    alone = (2, 3, 7)
    work = partial(span, tmp_path)
    found = dict(run(work, range(10), workers=2, resources=lambda item: {"exclusive": item in alone}))
    assert sorted(found) == list(range(10))
    together = {
        frozenset((one, other))
        for one, other in itertools.combinations(found, 2)
        if found[one][0] < found[other][1] and found[other][0] < found[one][1]
    }
    assert frozenset((0, 1)) in together  # the others are two at a time
    assert not any(pair & set(alone) for pair in together)
    assert {found[item][2] for item in alone} == {parallel.cores()}
    assert {found[item][2] for item in found if item not in alone} == {1}


@pytest.mark.parametrize(
    ("how", "code"),
    [(signal.SIGINT, 1), pytest.param(signal.SIGKILL, -9, marks=pytest.mark.slow)],
    ids=["Ctrl-C", "kill -9"],
)
def test_no_worker_outlives_its_parent(tmp_path, how, code):
    lines = [
        "import sys; from pathlib import Path; from functools import partial",
        f"sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}]",
        "from zoo.parallel import run; from test_parallel import mark",
        "if __name__ == '__main__':",
        "    try: list(run(partial(mark, Path(sys.argv[1])), range(100), workers=2))",
        "    except KeyboardInterrupt: sys.exit(1)",
    ]
    script = tmp_path / "script.py"
    script.write_text("\n".join(lines))
    command = [sys.executable, str(script), str(tmp_path)]
    parent = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    try:
        wait_until(lambda: len(list(tmp_path.glob("*.pid"))) == 2)
        pids = [int(path.stem) for path in tmp_path.glob("*.pid")]
        assert all(map(alive, pids))
        (os.killpg if how == signal.SIGINT else os.kill)(parent.pid, how)  # a terminal signals the whole group
        _, said = parent.communicate(timeout=120)
        assert parent.returncode == code
        wait_until(lambda: not any(map(alive, pids)))
        assert b"Traceback" not in said
    finally:
        parent.kill()
    assert len(list(tmp_path.glob("*.cleaned"))) == 2  # each could put its things in order
