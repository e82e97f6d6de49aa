"""Items on a Ray cluster: results, errors, machines that die, what an item has to itself, and no trace left behind."""

import itertools
import os
import signal
import socket
import subprocess
import sys
import warnings
from functools import partial
from pathlib import Path

import pytest
from cluster_work import STORE, alive, die, double, linger, log, refuse, stubborn, wait, wait_until

from registry import OptionError
from zoo.parallel import ClusterError, Lost, WorkerDiedError, run, session
from zoo.parallel.cluster import Node
from zoo.parallel.work import Demand

ray = pytest.importorskip("ray")
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def third(cluster):
    """A node that may be killed."""
    node = cluster.add_node(num_cpus=1, object_store_memory=STORE)
    yield node
    if node in cluster.worker_nodes:
        cluster.remove_node(node)


def test_a_node_killed_half_way_loses_nothing_doubles_nothing_and_is_named(cluster, third, tmp_path):
    def begun(item):
        return (tmp_path / f"{item}.began").read_text().split()

    count, results = 30, []
    work = partial(linger, tmp_path, third.node_id)
    with losses() as lost:
        for item, node in run(work, range(count), executor="ray", address=cluster.address):
            results.append((item, node))
            if third in cluster.worker_nodes and (tmp_path / "at work").exists():
                cluster.remove_node(third, allow_graceful=False)
    lost = [warning.message for warning in lost]
    assert sorted(item for item, _ in results) == list(range(count))
    assert third not in cluster.worker_nodes
    assert len(lost) == 1
    again = lost[0].item
    assert third.node_id[:8] in str(lost[0])
    assert dict(results)[again] != third.node_id
    assert begun(again) == [third.node_id, dict(results)[again]]
    assert all(begun(item) == [node] for item, node in results if item != again)  # nothing else was done twice


def losses():
    """What is lost, as warnings."""
    return warnings.catch_warnings(record=True, action="always", category=Lost)


@pytest.mark.slow
def test_an_item_that_kills_its_workers_is_tried_again_elsewhere_and_then_given_up(cluster):
    cluster.wait_for_nodes()  # until one killed by the test before is known to be dead
    done = []
    results = run(die, range(10), executor="ray", address=cluster.address)
    with losses() as lost, pytest.raises(WorkerDiedError, match="not tried a 5th time") as caught:
        done.extend(item for item, _ in results)
    lost = [warning.message for warning in lost]
    assert caught.value.item == 3
    assert [(one.item, one.count) for one in lost] == [(3, 1), (3, 2), (3, 3)]
    assert len({one.node for one in lost[:2]}) == 2
    assert 3 not in done
    assert len(set(done)) == len(done)
    with pytest.warns(RuntimeWarning, match=r"lost 3 \(its process died\); it is tried again, . of 3"):  # noqa: SIM117
        with pytest.raises(WorkerDiedError):
            list(run(die, [3], executor="ray", address=cluster.address))


@pytest.mark.slow
def test_items_are_drawn_as_needed_and_each_gets_its_result_once(cluster, tmp_path):
    drawn = []
    endless = (drawn.append(item) or item for item in itertools.count())
    results = run(double, endless, executor="ray", address=cluster.address)
    pairs = list(itertools.islice(results, 40))
    results.close()
    assert all(result == 2 * item for item, result in pairs)
    assert len({item for item, _ in pairs}) == 40
    assert len(drawn) <= 40 + 2 * 3  # a node killed by the test before may not be known to be dead yet
    few = list(run(partial(log, tmp_path, 0.2), range(4), executor="ray", address=cluster.address, workers=1))
    spans = sorted((found["began"], found["ended"]) for _, found in few)
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(spans))


@pytest.mark.slow
def test_an_error_arrives_as_it_is_with_its_item(cluster):
    with pytest.raises(ValueError, match="5 is refused") as caught:
        list(run(partial(refuse, 5), range(100), executor="ray", address=cluster.address))
    assert caught.value.item == 5
    assert caught.value.__notes__ == ["while working on 5"]
    assert "why" in str(caught.value.__cause__)
    with pytest.raises(RuntimeError, match="StubbornError: 1 and 2"):
        list(run(stubborn, [1], executor="ray", address=cluster.address))


@pytest.mark.slow
def test_a_gpu_has_one_owner_unless_it_is_shared(cluster, tmp_path):
    def ask(item):
        return {"gpu": 1, "cpu": 0.25} if item < 4 else {"gpu": 0.5, "cpu": 0.25} if item < 7 else {"cpu": 1}

    work = partial(log, tmp_path, 0.5)
    found = dict(run(work, range(8), executor="ray", address=cluster.address, workers=8, resources=ask))
    assert all(found[item]["cuda"] == "" for item in (7,))  # who asks for none sees none
    assert all(found[item]["cuda"] in ("0", "1") for item in range(7))
    for one, other in itertools.combinations(range(7), 2):
        a, b = found[one], found[other]
        same = (a["node"], a["cuda"]) == (b["node"], b["cuda"])
        together = a["began"] < b["ended"] and b["began"] < a["ended"]
        assert not (same and together and one < 4)


@pytest.mark.slow
def test_an_exclusive_item_has_a_machine_to_itself(tmp_path):
    from ray.cluster_utils import Cluster

    both = Cluster()
    for cores in (2, 3):
        both.add_node(num_cpus=cores, object_store_memory=STORE, include_dashboard=False)
    try:
        work = partial(log, tmp_path, 0.3)
        alone = (2, 3, 9)
        ask = {item: {"exclusive": True} for item in alone}
        found = dict(
            run(work, range(16), executor="ray", address=both.address, resources=lambda item: ask.get(item, {}))
        )
    finally:
        both.shutdown()
    assert sorted(found) == list(range(16))
    for one, other in itertools.permutations(found, 2):
        a, b = found[one], found[other]
        if one in alone and a["node"] == b["node"]:
            assert a["ended"] <= b["began"] or b["ended"] <= a["began"]
    pairs = itertools.combinations([found[item] for item in found if item not in alone], 2)
    assert any(a["began"] < b["ended"] and b["began"] < a["ended"] for a, b in pairs)  # others do share


@pytest.mark.slow
def test_what_no_machine_has_is_refused_and_what_none_has_any_more_ends_the_run(cluster, monkeypatch, tmp_path):
    with pytest.raises(OptionError, match=r"asks for cpu=1 and gpu=8, and no machine here has that: .*cpu=1 gpu=2"):
        list(run(double, [1], executor="ray", address=cluster.address, resources={"gpu": 8}))
    from zoo.parallel import tasks

    monkeypatch.setattr(tasks, "PATIENCE", 2.0)
    large = cluster.add_node(num_cpus=4, object_store_memory=STORE)
    work, ask = partial(log, tmp_path, 0.5), {"cpu": 4}
    results = run(work, range(9), executor="ray", address=cluster.address, resources=ask)
    next(results)
    cluster.remove_node(large, allow_graceful=False)
    with losses(), pytest.raises(WorkerDiedError, match="asks for cpu=4, and the machines that had it are gone"):
        list(results)


@pytest.mark.slow
def test_leaving_early_lets_what_is_in_work_clean_up(cluster, tmp_path):
    results = run(partial(wait, tmp_path), itertools.count(), executor="ray", address=cluster.address, workers=2)
    import threading

    def stop():
        wait_until(lambda: len(list(tmp_path.glob("*.pid"))) == 2)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=stop).start()
    with pytest.raises(KeyboardInterrupt):
        next(results)
    assert len(list(tmp_path.glob("*.cleaned"))) == 2
    assert not ray.is_initialized()


@pytest.mark.slow
@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 1), (signal.SIGKILL, -9)], ids=["Ctrl-C", "kill -9"])
def test_a_local_cluster_ends_with_its_run_and_leaves_this_process_as_it_was(tmp_path, how, code):
    lines = [
        "import os, sys, signal; from pathlib import Path; from functools import partial",
        f"sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'tests' / 'helpers')!r}]",
        "from zoo.parallel import run; from cluster_work import double, wait",
        "if __name__ == '__main__':",
        "    before = dict(os.environ), signal.getsignal(signal.SIGTERM), sys.excepthook",
        "    assert sorted(run(double, range(5), executor='ray', workers=1))[4] == (4, 8)",
        "    assert before == (dict(os.environ), signal.getsignal(signal.SIGTERM), sys.excepthook)",
        "    assert not list(Path(sys.argv[1], 'tmp').iterdir())",
        "    try: list(run(partial(wait, Path(sys.argv[1])), range(100), workers=2, executor='ray'))",
        "    except KeyboardInterrupt: sys.exit(1)",
    ]
    script = tmp_path / "script.py"
    script.write_text("\n".join(lines))
    command = [sys.executable, str(script), str(tmp_path)]
    short = Path("/tmp") / f"zt{os.getpid()}"  # sockets have short paths only
    short.mkdir()
    (tmp_path / "tmp").symlink_to(short)
    environment = os.environ | {"TMPDIR": str(short)}
    try:
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, env=environment, cwd=ROOT
        ) as parent:
            wait_until(lambda: len(list(tmp_path.glob("*.pid"))) == 2 or parent.poll() is not None, 300)
            assert parent.poll() is None, parent.stderr.read().decode()
            pids = [int(path.stem) for path in tmp_path.glob("*.pid")]
            assert all(map(alive, pids))
            (os.killpg if how == signal.SIGINT else os.kill)(parent.pid, how)
            assert parent.wait(300) == code
            wait_until(lambda: not any(map(alive, pids)))
            wait_until(lambda: not raylets(short))
            assert (parent.stdout.read(), parent.stderr.read()) == (b"", b"")
        if how == signal.SIGINT:
            assert len(list(tmp_path.glob("*.cleaned"))) == 2
            assert not list(short.iterdir())
    finally:
        subprocess.run(["rm", "-r", str(short)], check=True)


def raylets(folder):
    """Ray's processes that have their sockets in a folder."""
    found = (path.parent for path in Path("/proc").glob("[0-9]*/cmdline") if int(path.parent.name) != os.getpid())
    return [path for path in found if alive(path.name) and f"{folder}/zoo-".encode() in (path / "cmdline").read_bytes()]


@pytest.mark.slow
def test_an_existing_cluster_can_be_joined_after_a_local_one(cluster):
    assert dict(run(double, [1, 2], executor="ray", workers=1)) == {1: 2, 2: 4}
    assert dict(run(double, [3], executor="ray", address=cluster.address)) == {3: 6}


def test_wrong_calls_are_refused():
    with pytest.raises(OptionError, match="workers=0 is not accepted"):
        run(double, [1], executor="ray", workers=0)
    with pytest.raises(OptionError, match="on a machine of the cluster"):
        list(run(double, [1], executor="ray", address="ray://10.0.0.1:10001"))


@pytest.mark.slow
def test_what_cannot_be_sent_or_joined_says_so(cluster):
    import threading

    with pytest.raises(OptionError, match="cannot be sent to another machine"):
        list(run(partial(refuse, threading.Lock()), [1], executor="ray", address=cluster.address))
    with pytest.raises(ClusterError, match=r"at 127.0.0.1:1 can be joined: .*is it running"):
        list(run(double, [1], executor="ray", address="127.0.0.1:1"))
    host = cluster.address.rpartition(":")[0]
    with session("ray", address=cluster.address), socket.socket() as other:
        other.bind((host, 0))
        other.listen()
        with pytest.raises(OptionError, match="has joined the Ray cluster at"):
            list(run(double, [1], executor="ray", address=f"{host}:{other.getsockname()[1]}"))
    assert not ray.is_initialized()


def test_what_fits_on_a_node():
    node = Node("id", cpu=4, gpu=1)
    fits = [Demand(cpu=4), Demand(gpu=1), Demand(gpu=0.5), Demand(exclusive=True), Demand(exclusive=True, gpu=1)]
    assert all(map(node.fits, fits))
    assert not any(map(node.fits, [Demand(cpu=5), Demand(gpu=2), Demand(exclusive=True, gpu=2)]))
    assert not Node("id", cpu=0, gpu=0).fits(Demand(exclusive=True))
