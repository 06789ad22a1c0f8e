"""Embedding: ours against other programs and against this machine's matrix products.

Every contestant is a process of its own that has loaded the same random weights and waits. In each
round every one embeds the same sequences once, in turn, so that a change of the machine's speed
meets all of them. Seconds are those of the work from letters to mean embeddings, without loading.
Right before and after each of our runs the same process times bare matrix products of the model's
shapes: the limit that our share is taken of.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any

from virnucpro_core.benchmarking._embed_report import EmbedReport, WholePath, WorkloadTable
from virnucpro_core.benchmarking._embed_rounds import OURS, Entry, Plan, measure_model
from virnucpro_core.benchmarking._peers import interpreter_of
from virnucpro_core.benchmarking._scaling import measure_scaling
from virnucpro_core.benchmarking._workloads import DNA, SHORT_PROTEINS, VARIED_PROTEINS
from virnucpro_core.errors import UsageError, VirnucproError

__all__ = ["SIZES", "measure_embed"]

SIZES: Mapping[str, tuple[str, float]] = MappingProxyType(
    {
        "8M": ("esm2_t6_8M_UR50D", 8e6),
        "35M": ("esm2_t12_35M_UR50D", 35e6),
        "150M": ("esm2_t30_150M_UR50D", 150e6),
        "650M": ("esm2_t33_650M_UR50D", 650e6),
        "3B": ("esm2_t36_3B_UR50D", 2.84e9),
    }
)
"""Names and numbers of weights of the sizes that can be asked for."""

_DNABERT_S = "dnabert_s"
_FIRST_PROTEIN = "fair-esm, 2,048 tokens a batch"
_FIRST_DNA = "padded, 4 a batch"
# fp32 weights that are in memory together: four contestants' and, while loading, a second copy,
# and int8 ones; half a gigabyte for each of ten processes.
_COPIES, _PROCESS_BYTES = 5.5, 5e9


def measure_embed(
    sizes: Sequence[str],
    *,
    peers_dir: Path,
    n_sequences: int,
    rounds: int,
    n_threads: int,
    patience: float = 240.0,
    timeout: float = 1_200.0,
    scaling_size: str | None = "35M",
    say: Callable[[str], None] = lambda text: None,
) -> EmbedReport:
    """Measure every contestant on proteins of each size, and on DNA once.

    Args:
        sizes: keys of `SIZES`.
        peers_dir: where peers are installed and random models are written, and kept.
        n_sequences: proteins of 98–100 residues in a round; half as many of 20–400, and twice as
            many of DNA.
        rounds: rounds after the warm-up.
        n_threads: threads of each contestant.
        patience, timeout, say: see `Plan`.
        scaling_size: what scaling is measured on; None leaves it out.

    Raises:
        UsageError: there is no such size.
        VirnucproError: the random weights could not be written.
    """
    for size in [*sizes, *([scaling_size] if scaling_size else [])]:
        if size not in SIZES:
            raise UsageError(f"no size {size!r}", remedy=f"use {', '.join(SIZES)}")
    # Not resolved: this environment's interpreter must stay a path that has its packages.
    peers_dir = peers_dir.absolute()
    plan = Plan(n_sequences, rounds, n_threads, patience, timeout, say)
    report = EmbedReport(_machine(n_threads), rounds)
    precisions = _our_precisions()
    dna_table = None
    if sizes:
        report.tables += measure_model(
            "DNABERT-S",
            _model(_DNABERT_S, peers_dir, say),
            [*_our_entries("dna", precisions), _first_dna()],
            [DNA],
            plan,
        )
        dna_table = report.tables[-1]
    for size in sizes:
        name, n_weights = SIZES[size]
        needed = _COPIES * 4 * n_weights + _PROCESS_BYTES
        if needed > _available_memory():
            report.left_out.append(
                f"{size}: its contestants need {needed / 1e9:.0f} GB together,"
                f" {_available_memory() / 1e9:.0f} GB are free"
            )
            continue
        entries = _protein_entries(precisions, peers_dir)
        directory = _model(name, peers_dir, say)
        tables = measure_model(name, directory, entries, [SHORT_PROTEINS, VARIED_PROTEINS], plan)
        report.tables += tables
        if dna_table is not None:
            report.whole_paths += _whole_paths(tables[0], dna_table)
    if scaling_size:
        report.scaling_model = SIZES[scaling_size][0]
        ours = _our_entries("protein", ["auto"])[0]
        directory = _model(report.scaling_model, peers_dir, say)
        report.scaling = measure_scaling(directory, ours, SHORT_PROTEINS, plan)
    return report


def _our_precisions() -> list[str]:
    """``auto`` as this machine resolves it, int8, and fp32, which the others are compared to."""
    from virnucpro_core.embedding import Precision, resolve_settings

    auto = resolve_settings("cpu", Precision.AUTO, 0).precision.value
    return list(dict.fromkeys([auto, "int8", "fp32"]))


def _worker(interpreter: str, worker: str) -> list[str]:
    return [interpreter, "-m", "virnucpro_core.benchmarking._worker", worker]


def _our_entries(kind: str, precisions: Sequence[str]) -> list[Entry]:
    return [
        Entry(
            OURS,
            OURS,
            lambda: _worker(sys.executable, OURS),
            {"kind": kind, "precision": precision},
        )
        for precision in precisions
    ]


def _first_dna() -> Entry:
    worker = "padded-dnabert"
    return Entry(
        _FIRST_DNA,
        worker,
        lambda: _worker(sys.executable, worker),
        remark="batches of four as they come, as the first VirNucPro ran it",
    )


def _protein_entries(precisions: Sequence[str], peers_dir: Path) -> list[Entry]:
    def peer(name: str, label: str = "", *, remark: str = "", **options: Any) -> Entry:
        run = {key: options.pop(key) for key in ("toks_per_batch",) if key in options}
        command = lambda: _worker(interpreter_of(name, peers_dir), name)  # noqa: E731
        return Entry(label or name, name, command, options, run, remark)

    cpp = "its scheduler returns logits instead of embeddings; its fast kernels need AVX-512"
    calibration = [letters[:20] for letters in SHORT_PROTEINS.sequences(4)]
    bf16 = [peer("transformers", precision="bf16")] if "bf16" in precisions else []
    return [
        *_our_entries("protein", precisions),
        peer("fair-esm"),
        peer(
            "fair-esm",
            _FIRST_PROTEIN,
            remark="as the first VirNucPro ran it",
            toks_per_batch=2_048,
        ),
        peer("transformers", precision="fp32"),
        *bf16,
        peer("faesm", remark="without its packing, which needs flash-attn and CUDA"),
        peer("esm-efficient", remark="its only attention is flash-attn's, which needs CUDA"),
        peer("esm-cpp", precision="fp32", remark=cpp),
        replace(
            peer("esm-cpp", precision="int8", remark=cpp, calibration=calibration), prepare=True
        ),
    ]


def _whole_paths(protein: WorkloadTable, dna: WorkloadTable) -> list[WholePath]:
    """Seconds per frame through both encoders; nothing where a part was not measured."""

    def per_sequence(table: WorkloadTable, name: str, precision: str) -> list[float]:
        for row in table.rows:
            if row.name == name and row.precision == precision:
                return [seconds / table.n_sequences for seconds in row.whole]
        return []

    first = _sums(
        per_sequence(protein, _FIRST_PROTEIN, "fp32"), per_sequence(dna, _FIRST_DNA, "fp32")
    )
    paths = []
    for precision in dict.fromkeys(row.precision for row in protein.rows if row.name == OURS):
        ours = _sums(per_sequence(protein, OURS, precision), per_sequence(dna, OURS, precision))
        if first and len(ours) == len(first):
            paths.append(WholePath(protein.model, precision, first, ours))
    return paths


def _sums(a: Sequence[float], b: Sequence[float]) -> list[float]:
    return [x + y for x, y in zip(a, b, strict=True)] if len(a) == len(b) else []


def _model(name: str, peers_dir: Path, say: Callable[[str], None]) -> Path:
    """The directory of a random model, written if it is not there."""
    directory = peers_dir / "models" / name
    if not directory.exists():
        say(f"write random weights of {name}")
        directory.parent.mkdir(parents=True, exist_ok=True)
        # In a process of its own: the memory that it takes is free when the measuring starts.
        program = [sys.executable, "-m", "virnucpro_core.benchmarking._random_models"]
        done = subprocess.run([*program, name, str(directory)], capture_output=True, text=True)
        if done.returncode != 0:
            last = (done.stderr.strip() or "no message").splitlines()[-1]
            raise VirnucproError(
                f"random weights could not be written ({last})",
                where=str(directory),
                remedy="check free space and memory",
            )
    return directory


def _available_memory() -> float:
    """Bytes that new processes can have; infinity where the system does not say."""
    memory = Path("/proc/meminfo")
    lines = memory.read_text().splitlines() if memory.exists() else []
    free = [int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    return 1024.0 * free[0] if free else float("inf")


def _machine(n_threads: int) -> dict[str, str]:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "threads": str(n_threads),
        "Python": platform.python_version(),
        "torch": metadata.version("torch"),
    }
