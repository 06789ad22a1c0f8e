"""The comparison of both engines, and with an older version."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.bundles import make_bundle
from virnucpro_core.benchmarking import SuiteSettings, run_suite
from virnucpro_core.benchmarking import _v1_comparison as suite
from virnucpro_core.benchmarking._past_version import unpack_version
from virnucpro_core.benchmarking._version_run import Results, VersionRun
from virnucpro_core.errors import InputError, UsageError, VirnucproError
from virnucpro_core.store import EmbeddingInfo, Embeddings

INFO = EmbeddingInfo("m", 1, "mean", "fp32", "w", "s")


def results(
    ids: list[str], values: list[list[float]], scores: list[float], calls: dict[str, str]
) -> Results:
    embeddings = Embeddings(ids, np.array(values, dtype=np.float32), INFO)
    frames = {
        name: ("virus" if score >= 0.5 else "others", score)
        for name, score in zip(ids, scores, strict=True)
    }
    return Results({"dna": embeddings, "protein": embeddings}, frames, calls)


def test_agreement_is_told_by_id_whatever_the_order() -> None:
    a = results(["f", "g"], [[1, 0], [0, 1]], [0.9, 0.4], {"r": "virus", "s": "non-virus"})
    b = results(["g", "f"], [[0, 2], [3, 4]], [0.6, 0.8], {"s": "non-virus", "r": "virus"})
    found = suite.compare_results(a, b)
    assert found.frames == 50
    assert found.records == 100
    assert found.score_difference == pytest.approx(0.2)
    assert found.smallest_cosine["dna"] == pytest.approx(0.6)
    assert found.median_cosine["protein"] == pytest.approx(0.8)


def test_results_of_other_frames_are_not_compared() -> None:
    a = results(["f"], [[1, 0]], [0.9], {"r": "virus"})
    b = results(["g"], [[1, 0]], [0.9], {"r": "virus"})
    with pytest.raises(VirnucproError, match="other frames or records"):
        suite.compare_results(a, b)


def test_a_version_is_unpacked_from_the_history_and_leaves_it_alone(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    git = ("git", "-C", str(repository), "-c", "user.name=n", "-c", "user.email=e@e")
    (repository / "virnucpro_core" / "cli").mkdir(parents=True)
    (repository / "virnucpro_core" / "cli" / "__init__.py").write_text("old")
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "old")):
        subprocess.run([*git, *words], check=True)
    (repository / "virnucpro_core" / "cli" / "__init__.py").write_text("new")
    assert len(unpack_version("HEAD", tmp_path / "tree", repository)) == 40
    assert (tmp_path / "tree" / "virnucpro_core" / "cli" / "__init__.py").read_text() == "old"
    assert not (tmp_path / "tree" / "files.zip").exists()
    with pytest.raises(UsageError, match="'git rev-parse' failed"):
        unpack_version("--absent", tmp_path / "other", repository)
    with pytest.raises(UsageError, match="this is not its repository"):
        unpack_version("HEAD", tmp_path / "third", tmp_path)


@pytest.mark.parametrize(("letters", "n_shards"), [("ACG", 1), ("TAAT", 0)])
def test_reads_of_any_number_of_frames_are_one_shard_or_refused_by_their_own_name(
    tmp_path: Path, letters: str, n_shards: int
) -> None:
    reads, folder = tmp_path / "copy.fasta", tmp_path / "run"
    # Without T, forward or back, there is no stop; TAAT in a row has some in each frame.
    drawn = "".join(random.Random(1).choices("ACG", k=102_000)) if n_shards else letters * 34_000
    reads.write_text(f">a\n{drawn}\n")

    def prepare() -> None:
        VersionRun(
            Path(suite.__file__).parents[2], reads, "demo", 30, "complete",
            source=Path("mine.fa"), options=(), threads=1, folder=folder,
        )  # fmt: skip

    if n_shards:
        prepare()
    else:
        with pytest.raises(InputError, match=r"^mine\.fa: none of the first 1 records has a frame"):
            prepare()
    assert len(list(folder.glob("shards/*.h5"))) == n_shards


@pytest.mark.slow
@pytest.mark.long
def test_both_engines_are_measured_and_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suite, "_QUICK_RECORDS", 8)
    monkeypatch.setattr(SuiteSettings, "rounds", property(lambda self: 1))
    model = make_bundle(tmp_path / "bundle")
    told = SuiteSettings(
        model=str(model), quick=True, device="cpu", precision="fp32", against="no-such-ref"
    )
    report = run_suite("v1-comparison", told, lambda text: None)
    assert [target.outcome for target in report.targets] == ["pass", "pass"]
    assert any(note.startswith("no-such-ref was not compared: ") for note in report.notes)
    distances = report.panel("Distance to embeddings of v1")
    assert distances is not None
    assert max(point.median for point in distances.points) <= 1e-4
    ratios = report.panel("How many times as fast as v1")
    assert ratios is not None
    assert [point.name for point in ratios.points] == ["DNABERT-S: v2 fp32", "ESM-2: v2 fp32"]
