"""A comparison on a cluster of two nodes, one of which is killed half-way: nothing lost, nothing measured twice."""

import threading
import time
import warnings
from collections import Counter
from dataclasses import replace

import pytest

from benchmarks import compare
from benchmarks.networks.entrants import enter
from benchmarks.plan.cells import Cell
from benchmarks.plan.comparison import Comparison
from benchmarks.run import cluster
from benchmarks.store import files, identity
from benchmarks.store.record import AccuracySettings, CostSettings, Record, SensitivitySettings, TimedSettings
from zoo.parallel import WorkerDiedError

STORE = 80 * 2**20  # bytes; the least that Ray takes is 75 MB
TIMED = TimedSettings((16, 16))


def training(entrant, seed):
    return Cell("accuracy", entrant, AccuracySettings((16, 16), "pairbench:clean", "equal", 64, seed, 6))


def curve(entrant, perturbation):
    settings = SensitivitySettings(**vars(training(entrant, 0).settings), perturbation=perturbation)
    return Cell("sensitivity", entrant, settings)


def test_jobs_hold_together_what_is_compared_and_what_follows_from_a_training(tmp_path):
    entrants = enter("frame_difference, unet(width=4)")
    chosen = [Cell("cost", entrant, CostSettings((16, 16))) for entrant in entrants]
    chosen += [Cell("latency", entrant, replace(TIMED, layout=layout)) for entrant in entrants for layout in ("a", "b")]
    chosen += [training(entrant, seed=0) for entrant in entrants]
    chosen += [curve(entrant, "gain") for entrant in entrants]
    found = cluster.jobs(chosen, tmp_path)
    assert [[measure for _, measure, _ in job.cells] for job in found] == [
        ["cost"], ["cost"], ["latency"] * 4, ["accuracy", "sensitivity"], ["accuracy", "sensitivity"],
    ]  # fmt: skip
    assert [cluster.needs(job, device="cpu") for job in found[1:4]] == [{"cpu": 1}, {"exclusive": True}, {"cpu": 1}]
    assert [cluster.needs(job, device="cuda")["gpu"] for job in found[2:4]] == [1, 0.5]


def test_a_job_measured_elsewhere_gives_the_same_records(tmp_path):
    cell = Cell("cost", enter("unet(width=4)")[0], CostSettings((16, 16)))
    (job,) = cluster.jobs([cell], tmp_path)
    (record,) = cluster.perform(job, asked=Comparison(out=tmp_path))
    assert record.status == "done"
    assert record.values["params"] > 0
    assert identity.key_of(record) == cell.key


def test_a_network_that_brings_its_job_down_falls_alone(tmp_path, monkeypatch):
    """The cluster here is one that gives up every job with unet(width=4) in it."""

    def run(work, jobs, *, on_loss, **_):
        for job in jobs:
            lost = any(asked.startswith("unet") for asked, *_ in job.cells)
            yield job, on_loss(job, WorkerDiedError("four workers died")) if lost else work(job)

    monkeypatch.setattr(cluster, "run", run)
    entrants = enter("frame_difference, unet(width=4), aligned_difference")
    chosen = [Cell("latency", entrant, TIMED) for entrant in entrants]
    chosen += [training(entrants[1], 0), curve(entrants[1], "x")]
    told = []
    asked = Comparison(out=tmp_path, seconds=0.02, rounds=1)
    found = list(cluster.measure(chosen, asked, lambda *word: told.append(word)))
    assert Counter(map(identity.key_of, found)) == Counter(cell.key for cell in chosen)
    assert {(r.model, r.measure): r.status for r in found} == {
        ("frame_difference", "latency"): "done",
        ("aligned_difference", "latency"): "done",
        ("unet(width=4)", "latency"): "failed",
        ("unet(width=4)", "accuracy"): "failed",
        ("unet(width=4)", "sensitivity"): "failed",
    }
    assert told[-1][1:] == (5, 5)


@pytest.mark.slow
def test_a_node_killed_half_way_loses_no_cell_and_doubles_none(tmp_path):
    pytest.importorskip("ray")
    from cluster_work import STORE
    from ray.cluster_utils import Cluster

    nodes = Cluster()
    nodes.add_node(num_cpus=1, object_store_memory=STORE, include_dashboard=False)
    second = nodes.add_node(num_cpus=1, object_store_memory=STORE)
    chosen = [training(entrant, seed) for seed in range(4) for entrant in enter("frame_difference, unet(width=4)")]
    found: list[Record] = []
    killer = threading.Thread(target=lambda: (wait_for(lambda: found), nodes.remove_node(second)))
    try:
        killer.start()
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            asked = Comparison(out=tmp_path, workers=0, executor="ray", address=nodes.address)
            for record in cluster.measure(chosen, asked, lambda *_: None):
                found.append(record)
        killer.join()
    finally:
        nodes.shutdown()
    assert Counter(map(identity.key_of, found)) == Counter(cell.key for cell in chosen)
    assert {record.status for record in found} == {"done"}
    lost = [str(warning.message) for warning in said if "accuracy of" in str(warning.message)]
    assert lost, "the work that was lost with the node is named"


@pytest.mark.slow
def test_the_command_on_a_local_cluster(tmp_path):
    pytest.importorskip("ray")
    options = ["--models", "frame_difference, unet(width=4)", "--sizes", "16", "--measure", "cost,latency"]
    assert compare.main([*options, "--seconds", "0.05", "--executor", "ray", "--out", str(tmp_path)]) == 0
    records = files.read(tmp_path / "compare.jsonl")
    assert Counter(record.measure for record in records) == {"cost": 2, "latency": 4}
    assert {record.status for record in records} == {"done"}


def wait_for(condition, seconds=300.0):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.1)
