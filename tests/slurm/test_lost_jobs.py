"""Jobs of a real SLURM are lost in every way there is; the results are those of a quiet run.

The logs of SLURM and of Nextflow lie in the test's temporary folder, which pytest keeps.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.bundles import make_bundle
from tests.pipeline.running import READS, Run, read_table, run_pipeline
from tests.slurm.cluster import Cluster, Job, cpu_seconds, kill, wait_until, why_not

pytestmark = [
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.pipeline,
    pytest.mark.slurm,
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
]

RESULTS = (
    "sequences.tsv",
    "prediction_results.txt",
    "prediction_results_highestscore.csv",
    "viral.fasta.gz",
)
QUICK = """\
executor {
    pollInterval = '1 sec'
    queueStatInterval = '2 sec'
    exitReadTimeout = '10 sec'
}
"""
# About 900 frames in three shards, so six embedding tasks. With encoders of this size and a batch
# for every sequence each computes for several times as long as it takes to import torch.
COPIES = 80
SLOW_ENCODERS = {"n_layers": 4, "width": 384}
WINDOW_SIZE = 500
SETTINGS = ("--input", "reads.fasta", "--model", "slow", "--shard_frames", "330")
# The last bits of a product depend on the number of threads, and a job of the cluster has one.
SLOWER = {"VIRNUCPRO_DISABLE_PACKING": "true", "VIRNUCPRO_THREADS": "1"}
# Both nodes are this machine, but stand for machines of their own.
APART = {"VIRNUCPRO_LEASES": "off"}
LOADED = 4.0
"""Seconds of computing after which an embedding task has imported torch and begun its work."""


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``reads.fasta`` and the bundle ``slow``.

    The reads are copies of the bundled ones, each with mutations of its own: equal ones are
    embedded once.
    """
    folder = tmp_path_factory.mktemp("given")
    make_bundle(folder / "slow", window_size=WINDOW_SIZE, **SLOW_ENCODERS)
    source = random.Random(0)
    with (folder / "reads.fasta").open("w") as file:
        for copy in range(COPIES):
            for entry in READS.read_text().split(">")[1:]:
                name, _, lines = entry.partition("\n")
                bases = list(lines.replace("\n", ""))
                for _ in range(len(bases) // 100):
                    bases[source.randrange(len(bases))] = source.choice("ACGT")
                file.write(f">{name.split()[0]}_{copy}\n{''.join(bases)}\n")
    return folder


@pytest.fixture(scope="module")
def undisturbed(given: Path) -> dict[str, bytes]:
    """The results of a run on this machine, without SLURM."""
    run = run_pipeline(given, *SETTINGS, profile=None, variables=SLOWER)
    assert run.exit_code == 0, run.output
    return results(run)


class Disturbed:
    """A run on a cluster, and what has happened to its jobs."""

    def __init__(self, cluster: Cluster, run: Future[Run]) -> None:
        self.cluster = cluster
        self.run = run
        self.hits: dict[str, str] = {}
        """What happened to a job, by the job's id."""

    def next_job(self, hit: str, avoid_node: str = "") -> Job:
        """A job in the midst of embedding that nothing has happened to; now ``hit`` does."""
        found: list[Job] = []

        def look() -> bool:
            assert not self.run.done(), self.run.result().output
            for job in self.cluster.jobs():
                fresh = job.state == "R" and job.id not in self.hits and job.node != avoid_node
                if fresh and "EMBED" in job.name:
                    processes = self.cluster.programs(job, "embed.py")
                    if any(cpu_seconds(process) > LOADED for process in processes):
                        found.append(job)
            return bool(found)

        wait_until(look, f"a job for: {hit}")
        self.hits[found[0].id] = hit
        return found[0]

    def is_running(self, job: Job) -> bool:
        return any(other.id == job.id and other.state == "R" for other in self.cluster.jobs())


@pytest.mark.parametrize(
    ("proctrack", "array", "lose_node", "exits"),
    [
        # A task that TERM reaches lives on beside its next attempt; so does the job of a node
        # whose daemon has died, and its result counts if it ends before the job is given up.
        ("linuxproc", "0", Cluster.kill_daemon, {"143": "143", "140": "140", "lost": "0 -"}),
        # SLURM kills what is left of a job as soon as its first process has ended, which in an
        # array is not the one that writes the exit status.
        ("pgid", "2", Cluster.power_off, {"143": "143 -", "140": "140 143 0 -", "lost": "-"}),
    ],
)
def test_lost_jobs_change_no_result(
    tmp_path: Path,
    given: Path,
    undisturbed: dict[str, bytes],
    proctrack: str,
    array: str,
    lose_node: Callable[[Cluster, str], None],
    exits: dict[str, str],
) -> None:
    (tmp_path / "quick.config").write_text(QUICK)
    for name in ("reads.fasta", "slow"):
        (tmp_path / name).symlink_to(given / name)
    (tmp_path / "slurm").mkdir()
    settings = (
        *(*SETTINGS, "-c", "quick.config", "--preemption_wait", "1", "--slurm_array", array),
        *("--slurm_cpus", "1", "--slurm_memory", "1 GB", "--slurm_options=--requeue"),
    )
    with Cluster(tmp_path / "slurm", proctrack) as cluster, ThreadPoolExecutor(1) as pool:
        variables = {**cluster.environment, **SLOWER, **APART}
        running = pool.submit(
            run_pipeline, tmp_path, *settings, profile="slurm", variables=variables
        )
        disturbed = Disturbed(cluster, running)

        # It stands still, so that the end of its time comes before the end of its work.
        late = disturbed.next_job("time limit")
        frozen = cluster.programs(late, "embed.py")
        kill(frozen, signal.SIGSTOP)
        cluster.run("scontrol", "update", f"JobId={late.id}", "EndTime=now+35")

        cluster.run("scancel", disturbed.next_job("scancel").id)
        cluster.run("scancel", "--signal=TERM", "--full", disturbed.next_job("TERM").id)
        cluster.run("scontrol", "requeue", disturbed.next_job("requeue").id)
        lose_node(cluster, disturbed.next_job("node lost", avoid_node=late.node).node)

        wait_until(lambda: not disturbed.is_running(late), "the time limit", seconds=120)
        kill(frozen, signal.SIGCONT)
        run = running.result()
    assert run.exit_code == 0, run.output
    assert results(run) == undisturbed
    ends = exit_codes(run, disturbed.hits)
    assert ends.keys() == set(disturbed.hits.values())
    for hit in ("scancel", "TERM", "requeue"):
        assert ends[hit] in exits["143"].split()
    assert ends["time limit"] in exits["140"].split()
    assert ends["node lost"] in exits["lost"].split()


def results(run: Run) -> dict[str, bytes]:
    return {name: (run.outdir / "reads" / name).read_bytes() for name in RESULTS}


def exit_codes(run: Run, hits: dict[str, str]) -> dict[str, str]:
    """How the jobs ended that something happened to, by what it was."""
    rows = read_table(run.outdir / "pipeline_info" / "trace.txt")
    return {hits[row["native_id"]]: row["exit"] for row in rows if row["native_id"] in hits}
