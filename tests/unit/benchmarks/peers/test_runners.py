"""The programs that run peers, as far as they can be without the peers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from benchmarks.peers._peer_tools import PEERS

ROOT = Path(__file__).resolve().parents[4]
TOKENS = {letter: number for number, letter in enumerate("ATCG", start=1)}


def run(peer: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"benchmarks.peers.runners.{peer}", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A network of Seeker's shape with random weights."""
    rng = np.random.default_rng(0)
    shapes = {
        "embedding/embedding/embeddings:0": (5, 1),
        "lstm/lstm/kernel:0": (1, 20),
        "lstm/lstm/recurrent_kernel:0": (5, 20),
        "lstm/lstm/bias:0": (20,),
        "dense/dense/kernel:0": (5, 2),
        "dense/dense/bias:0": (2,),
    }
    folder = tmp_path / "weights"
    folder.mkdir()
    with h5py.File(folder / "model.h5", "w") as file:
        for name, shape in shapes.items():
            file[f"model_weights/{name}"] = rng.normal(size=shape).astype(np.float32)
    return folder


def torch_score(weights: Path, segments: list[str]) -> float:
    """Mean over segments of 1,000 bases of the second class, by torch's LSTM: the same order of
    gates as Keras'."""
    with h5py.File(weights / "model.h5") as file:
        get = {name: torch.tensor(file[f"model_weights/{name}:0"][:]) for name in (
            "embedding/embedding/embeddings", "lstm/lstm/kernel", "lstm/lstm/recurrent_kernel",
            "lstm/lstm/bias", "dense/dense/kernel", "dense/dense/bias")}  # fmt: skip
    lstm = torch.nn.LSTM(1, 5, batch_first=True)
    with torch.no_grad():
        lstm.weight_ih_l0.copy_(get["lstm/lstm/kernel"].T)
        lstm.weight_hh_l0.copy_(get["lstm/lstm/recurrent_kernel"].T)
        lstm.bias_ih_l0.copy_(get["lstm/lstm/bias"])
        lstm.bias_hh_l0.zero_()
        tokens = torch.tensor([[TOKENS[letter] for letter in each] for each in segments])
        _, (hidden, _) = lstm(get["embedding/embedding/embeddings"][tokens])
        logits = hidden[0] @ get["dense/dense/kernel"] + get["dense/dense/bias"]
        return float(logits.softmax(1)[:, 1].mean())


def test_seeker_is_its_network_and_answers_no_window_up_to_200_bases(
    weights: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    letters = {n: "".join(rng.choice(list("ACGT"), n)) for n in (200, 300, 1000, 2300)}
    windows, answers = tmp_path / "windows.fasta", tmp_path / "answers.tsv"
    windows.write_text("".join(f">w{n}\n{text}\n" for n, text in letters.items()))
    done = run("seeker", windows, answers, "--weights", weights)
    assert done.returncode == 0, done.stderr
    seconds, header, *rows = answers.read_text().splitlines()
    assert float(seconds.removeprefix("# seconds=")) > 0
    found = {row.split("\t")[0]: dict(zip(header.split("\t"), row.split("\t"), strict=True))
             for row in rows}  # fmt: skip
    long = letters[2300]
    expected = {
        "w300": [(letters[300] * 4)[:1000]],
        "w1000": [letters[1000]],
        "w2300": [long[:1000], long[1000:2000], long[-1000:]],
    }
    assert found.keys() == expected.keys()
    for name, segments in expected.items():
        score = torch_score(weights, segments)
        assert float(found[name]["score"]) == pytest.approx(score, abs=1e-5)
        assert found[name]["is_virus"] == str(int(score >= 0.5))


@pytest.mark.parametrize("peer", PEERS)
def test_a_peer_that_is_not_there_says_so_with_its_exit_code(peer: str, tmp_path: Path) -> None:
    windows = tmp_path / "windows.fasta"
    windows.write_text(">w\nACGT\n")
    done = run(peer, windows, tmp_path / "answers.tsv", "--weights", tmp_path / "nowhere")
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
