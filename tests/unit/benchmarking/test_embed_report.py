"""Tables, JSON and plot of the embedding benchmark."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from virnucpro_core.benchmarking import EmbedReport, measure_embed, plot_embed
from virnucpro_core.benchmarking._embed import _whole_paths
from virnucpro_core.benchmarking._embed_report import (
    ContestantRow,
    ScalingPoint,
    WholePath,
    WorkloadTable,
)
from virnucpro_core.errors import UsageError


def table(*rows: ContestantRow, n_sequences: int = 10) -> WorkloadTable:
    return WorkloadTable("esm2", "proteins", n_sequences, 1_000, 4 * 10**12, 10**11, list(rows))


def ours(*seconds: float) -> ContestantRow:
    return ContestantRow("virnucpro", "fp32", seconds=list(seconds), limits=[1e12] * len(seconds))


def report(*tables: WorkloadTable) -> EmbedReport:
    return EmbedReport({"processor": "a processor", "cores": "2"}, 2, list(tables))


def test_a_row_has_the_median_its_spread_and_the_ratio_of_each_round() -> None:
    text = str(
        table(
            ours(10.0, 20.0, 10.0),
            ContestantRow("peer", "fp32", "", 1.5, 2 * 10**9, [30.0, 20.0, 20.0]),
        )
    )
    mine, theirs = (
        line for line in text.splitlines() if line.startswith(("| virnucpro", "| peer"))
    )
    assert mine.startswith(
        "| virnucpro | fp32 | 1.00 (0.50–1.00) | 100 | 0.400 | 0.40 (0.20–0.40) |"
    )
    assert "| 2.00 (1.00–3.00) |" in theirs  # the median of 3, 1 and 2
    assert theirs.endswith("| 1.5 | 2.00 |")


def test_a_row_without_seconds_has_its_reason_below_the_table() -> None:
    text = str(table(ours(1.0), ContestantRow("peer", reason="cannot be run here: no CUDA")))
    assert "| peer | – | not measured, see below |" in text
    assert text.endswith("- peer: cannot be run here: no CUDA")
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1


def test_both_encoders_are_summed_per_frame_and_round() -> None:
    proteins = table(
        ours(1.0, 2.0),
        ContestantRow("fair-esm, 2,048 tokens a batch", "fp32", seconds=[10.0, 10.0]),
    )
    dna = table(
        ours(2.0, 2.0),
        ContestantRow("padded, 4 a batch", "fp32", seconds=[20.0, 30.0]),
        n_sequences=20,
    )
    (path,) = _whole_paths(proteins, dna)
    assert path.first == pytest.approx([2.0, 2.5])
    assert path.ours == pytest.approx([0.2, 0.3])
    assert path.ratios == pytest.approx([10.0, 2.5 / 0.3])


def test_scaling_has_the_straightness_of_seconds_against_sequences() -> None:
    whole = report()
    whole.scaling_model = "esm2"
    whole.scaling = [
        ScalingPoint("threads", 1, 1, 8, 3.0),
        *(ScalingPoint("sequences", 2, 1, n, 0.5 + n / 10) for n in (8, 16, 32)),
    ]
    assert whole.straightness() == pytest.approx(1.0)
    assert "R² = 1.0000" in str(whole)
    assert "| threads | 1 × 1 | 8 | 3.00 | 2.67 |" in str(whole)


def test_the_json_has_every_number() -> None:
    whole = report(table(ours(1.0, 3.0)))
    whole.whole_paths.append(WholePath("esm2", "int8", [4.0], [1.0]))
    document = json.loads(whole.to_json())
    assert document["tables"][0]["rows"][0]["seconds"] == [1.0, 3.0]
    assert document["whole_paths"][0]["first"] == [4.0]


def test_an_unknown_size_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no size '7B'; use 8M, 35M"):
        measure_embed(["7B"], peers_dir=tmp_path, n_sequences=2, rounds=1, n_threads=1)


def test_the_plot_is_the_same_for_the_same_report(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    whole = report(table(ours(1.0, 2.0), ContestantRow("peer", reason="absent")), table(ours(1.0)))
    whole.scaling = [ScalingPoint("sequences", 2, 1, n, n / 10) for n in (8, 16, 32)]
    for name in ("a.svg", "b.svg"):
        plot_embed(whole, tmp_path / name)
    assert "virnucpro fp32" in (tmp_path / "a.svg").read_text()
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_plot_without_matplotlib_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(UsageError, match="extra 'bench'"):
        plot_embed(report(), tmp_path / "a.svg")
