"""What the workers run: the models that all get, and that the contestants compute the same."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from virnucpro_core.benchmarking import _random_models
from virnucpro_core.benchmarking._limit import layer_shapes, measure_limit, work_of
from virnucpro_core.benchmarking._our_contestants import Ours, PaddedDna
from virnucpro_core.benchmarking._peer_contestants import FairEsm, Transformers, _sorted_batches
from virnucpro_core.benchmarking._peers import PEERS, interpreter_of
from virnucpro_core.benchmarking._worker import CONTESTANTS
from virnucpro_core.benchmarking._workloads import DNA, SHORT_PROTEINS, VARIED_PROTEINS
from virnucpro_core.models import DnabertS, DnabertSConfig, Esm2, Esm2Config

CONFIG = Esm2Config(n_layers=2, width=32, n_heads=4)
PROTEINS = VARIED_PROTEINS.sequences(12)[:3]
# fp32 rounding, after two layers whose outputs are about 1.
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def protein_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    patch = pytest.MonkeyPatch()
    patch.setattr(_random_models, "_TOKENIZER_BASES", 10_000)  # a full vocabulary takes seconds
    patch.setattr(_random_models, "ESM2_CONFIGS", {"small": CONFIG})
    directory = tmp_path_factory.mktemp("models") / "small"
    _random_models.make_models("small", directory)
    patch.undo()
    return directory


@pytest.fixture(scope="module")
def dna_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    patch = pytest.MonkeyPatch()
    patch.setattr(_random_models, "_TOKENIZER_BASES", 10_000)  # a full vocabulary takes seconds
    small = DnabertSConfig(n_layers=2, width=24, n_heads=3, feed_forward_width=48)
    patch.setattr(_random_models, "DnabertSConfig", lambda: small)
    directory = tmp_path_factory.mktemp("models") / "dna"
    _random_models.make_models(_random_models.DNABERT_S, directory)
    patch.undo()
    return directory


def loaded(contestant: Any, model: Path, **options: object) -> Any:
    contestant.load(model, options)
    return contestant


@pytest.mark.parametrize(("peer", "module"), [(FairEsm, "esm"), (Transformers, "transformers")])
def test_peers_compute_what_we_compute(peer: Any, module: str, protein_model: Path) -> None:
    if find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    ours = loaded(Ours(), protein_model, kind="protein", precision="fp32").embed(PROTEINS)
    theirs = loaded(peer(), protein_model).embed(PROTEINS)
    assert np.abs(ours - theirs).max() < TOLERANCE
    assert np.abs(ours[0] - ours[1]).max() > 100 * TOLERANCE  # it does depend on the sequence


def test_the_padded_dnabert_computes_what_the_packed_one_computes(dna_model: Path) -> None:
    sequences = ["ACGTTGCA" * 5, "GATTACA", *DNA.sequences(2)]
    ours = loaded(Ours(), dna_model, kind="dna", precision="fp32").embed(sequences)
    padded = loaded(PaddedDna(), dna_model).embed(sequences)
    assert np.abs(ours - padded).max() < TOLERANCE


def test_a_worker_answers_on_standard_output_only(protein_model: Path) -> None:
    """Whatever the libraries print, the answers stay lines of JSON."""
    load = {"model": str(protein_model), "options": {"kind": "protein", "precision": "fp32"}}
    requests = [
        {"command": "load", **load},
        {"command": "run", "sequences": PROTEINS, "limit": True},
        {"command": "run", "sequences": 7},
        {"command": "embed", "sequences": PROTEINS[:1]},
    ]
    done = subprocess.run(
        [sys.executable, "-m", "virnucpro_core.benchmarking._worker", "virnucpro"],
        input="".join(json.dumps(request) + "\n" for request in requests),
        capture_output=True,
        text=True,
        check=True,
    )
    load_answer, run, failed, embedded = map(json.loads, done.stdout.splitlines())
    assert load_answer["precision"] == "fp32"
    assert load_answer["peak_rss"] > 10**7
    assert run["n_tokens"] == sum(len(letters) + 2 for letters in PROTEINS)
    assert len(run["limits"]) == 2
    assert failed["error"].startswith("TypeError")
    assert np.array(embedded["values"]).shape == (1, CONFIG.width)


def test_shapes_are_those_of_the_encoders() -> None:
    with torch.device("meta"):
        for encoder in (Esm2(CONFIG), DnabertS(DnabertSConfig(2, 24, 3, 48, 50))):
            weights = sum(
                module.weight.numel()
                for module in encoder.modules()
                if isinstance(module, torch.nn.Linear)
            )
            lengths = np.array([3, 5])
            work = work_of(encoder.config, lengths)
            assert work.linear == 2 * weights * 8
            assert work.attention == 4 * 2 * encoder.width * (9 + 25)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
def test_a_limit_is_measured_in_every_precision(precision: str) -> None:
    assert measure_limit(layer_shapes(CONFIG), 8, precision) > 0


def test_workloads_are_the_same_every_time() -> None:
    assert SHORT_PROTEINS.sequences(6) == SHORT_PROTEINS.sequences(6)
    assert {len(letters) for letters in SHORT_PROTEINS.sequences(60)} == {98, 99, 100}
    assert len(DNA.sequences(6)) == 12
    assert len(VARIED_PROTEINS.sequences(6)) == 3


def test_padded_batches_keep_their_budget_and_every_row() -> None:
    batches = list(_sorted_batches([3000, 10, 2000, 1500, 5000]))
    assert batches == [[1, 3], [2], [0], [4]]


def test_every_peer_has_a_pinned_version_and_a_worker() -> None:
    assert set(PEERS) < set(CONTESTANTS)
    for peer in PEERS.values():
        assert all("==" in requirement for requirement in peer.requirements)


def test_a_peer_that_is_installed_here_needs_no_environment(tmp_path: Path) -> None:
    if find_spec("esm") is None:
        pytest.skip("fair-esm is not installed")
    assert interpreter_of("fair-esm", tmp_path) == sys.executable
    assert list(tmp_path.iterdir()) == []


def test_a_peer_without_torch_starts_without_it() -> None:
    """Its memory would not be its own, and its environment may not suit torch."""
    program = "import sys, virnucpro_core.benchmarking._worker; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
