"""Two ``virnucpro embed`` at the same time on one CPU."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from virnucpro_core import _limits
from virnucpro_core.cli import main
from virnucpro_core.embedding import lease_device
from virnucpro_core.store import read_embeddings

REPOSITORY = Path(__file__).parents[3]

# The command, with a log of when it loads weights and when it has its embeddings.
LOGGING = """
import os, sys
from virnucpro_core import embedding
from virnucpro_core import _limits
from virnucpro_core.cli import main
from virnucpro_core.embedding import _shard

descriptor = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
load, embed = embedding.EncoderSource.load_encoder, _shard.embed

def loading(source, settings):
    os.write(descriptor, b"loads ")
    return load(source, settings)

def embedding_all(*arguments, **options):
    result = embed(*arguments, **options)
    os.write(descriptor, b"done ")
    return result

embedding.EncoderSource.load_encoder, _shard.embed = loading, embedding_all
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.slow
def test_two_commands_at_once_embed_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIRNUCPRO_LEASE_DIR", str(tmp_path / "leases"))
    reads = REPOSITORY / "tests" / "data" / "reads.fasta"
    words = ["--sample", "s", "--window-size", "500", "--outdir", str(tmp_path)]
    assert main(["prepare", str(reads), *words]) == 0

    def embed(encoder: str, output: str) -> list[str]:
        shard, model = "shards/s.shard_00001.h5", REPOSITORY / "assets" / "models" / "demo"
        options = ("--device", "cpu", "--precision", "fp32", "--output", str(tmp_path / output))
        return [
            "embed",
            str(tmp_path / shard),
            "--encoder",
            encoder,
            "--model",
            str(model),
            *options,
        ]

    command = [sys.executable, "-c", LOGGING, str(tmp_path / "log")]
    # Nobody can begin before both are there.
    with lease_device("cpu", threads=1):
        tasks = [
            subprocess.Popen(
                [*command, *embed(encoder, f"{encoder}.h5")],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                encoding="utf-8",
            )
            for encoder in ("dna", "protein")
        ]
        for task in tasks:
            assert task.stderr is not None
            line = task.stderr.readline()
            assert line.startswith("virnucpro: waiting for "), line + task.stderr.read()
        assert not (tmp_path / "log").read_text()
    for task in tasks:
        _, errors = task.communicate(timeout=300)
        assert task.returncode == 0, errors
    assert (tmp_path / "log").read_text().split() == ["loads", "done"] * 2
    for encoder in ("dna", "protein"):
        assert main(embed(encoder, "alone.h5")) == 0
        beside, alone = (read_embeddings(tmp_path / f"{name}.h5") for name in (encoder, "alone"))
        assert beside.ids == alone.ids
        assert np.array_equal(beside.values, alone.values)


def test_threads_are_those_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import torch

    asked: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    words = ["embed", str(tmp_path), "--encoder", "rna", "--model", "m", "--output", "o"]
    assert main([*words, "--threads", "1"]) == 2
    assert main([*words, "--threads", "-1"]) == 2
    assert asked == [1]


def test_a_job_of_slurm_uses_the_cores_that_it_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import torch

    asked: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    monkeypatch.setattr(_limits, "usable_cpus", lambda: set(range(64)))
    monkeypatch.setattr(_limits, "cpu_quota", lambda _: None)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "3")
    words = ["embed", str(tmp_path), "--encoder", "rna", "--model", "m", "--output", "o"]
    assert main(words) == 2
    monkeypatch.setenv("VIRNUCPRO_CPUS", "4")  # of the job that starts Nextflow; its task has fewer
    assert main(words) == 2
    monkeypatch.setenv("VIRNUCPRO_CPUS", "1")
    assert main(words) == 2
    monkeypatch.setenv("VIRNUCPRO_THREADS", "2")
    assert main(words) == 2
    assert asked == [3, 3, 1, 2]
