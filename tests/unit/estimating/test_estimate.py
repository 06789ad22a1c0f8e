"""From looks and rates to the table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.bundles import CALIBRATION, WINDOW_SIZE, make_bundle
from virnucpro_core.embedding import EmbedSettings, Precision
from virnucpro_core.estimating import (
    Estimate,
    Look,
    RateSettings,
    Spread,
    estimate,
    look_at,
    render_estimate,
)
from virnucpro_core.models import Bundle, load_bundle
from virnucpro_core.reporting import STAGES
from virnucpro_core.sequences import PrepareSettings, ReadFiles

READS = Path(__file__).parents[2] / "data" / "reads.fasta"
SETTINGS = EmbedSettings(torch.device("cpu"), Precision.FP32, 0)
SHORT = RateSettings(rounds=1, round_seconds=0.0)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("model") / "bundle"
    return load_bundle(make_bundle(folder, calibration=CALIBRATION))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Look:
    folder = tmp_path_factory.mktemp("look")
    return look_at(ReadFiles((READS,)), folder, PrepareSettings("s", WINDOW_SIZE, 5), 50_000)


def made(looks: list[Look], bundle: Bundle, folder: Path, n_samples: int = 1) -> Estimate:
    n_bytes = n_samples * looks[0].n_bytes
    return estimate(
        looks,
        bundle,
        SETTINGS,
        n_samples=n_samples,
        n_bytes=n_bytes,
        shard_frames=5,
        folder=folder,
        rates=SHORT,
    )


def test_all_nine_stages_are_estimated(whole: Look, bundle: Bundle, tmp_path: Path) -> None:
    found = made([whole], bundle, tmp_path)
    assert [stage.name for stage in found.stages] == list(STAGES)
    assert found.total == found.seen == whole.seen
    assert found.error == 0
    n_frames = whole.seen.frames
    assert [stage.sequences for stage in found.stages] == [
        whole.seen.windows,
        *[n_frames] * 7,
        24,
    ]
    assert [stage.tokens > 0 for stage in found.stages] == [False] * 4 + [True] * 2 + [False] * 3
    # Residues and two special tokens for each frame, but for what 8 of them differ from the rest.
    expected = whole.seen.residues + 2 * n_frames
    assert found.stages[5].tokens == pytest.approx(expected, rel=0.05)
    assert found.n_tasks == 2 * -(-n_frames // 5)
    assert found.seconds.low <= found.seconds.likely <= found.seconds.high


def test_what_was_not_read_is_extrapolated(whole: Look, bundle: Bundle, tmp_path: Path) -> None:
    tenth = replace(whole, share=0.1, error=0.2, n_bytes=10 * whole.n_bytes)
    found = made([tenth], bundle, tmp_path)
    assert found.total == whole.seen.scaled(10)
    assert found.error == pytest.approx(0.2)
    chunking = found.stages[0].seconds
    assert chunking.likely == pytest.approx(10 * whole.seconds[0])
    assert chunking.low == pytest.approx(0.8 * chunking.likely)
    assert chunking.high == pytest.approx(1.2 * chunking.likely)
    text = render_estimate(found, "a machine")
    assert "about 240 records" in text
    assert "24 records (10.00% of the bases); the counts may be off by 20%" in text


def test_samples_that_were_not_looked_at_count_by_their_size(
    whole: Look, bundle: Bundle, tmp_path: Path
) -> None:
    found = made([whole, whole], bundle, tmp_path, n_samples=10)
    assert found.total == whole.seen.scaled(10)
    assert "10 samples, 2 of them looked at" in render_estimate(found, "a machine")


def test_reads_without_a_frame_need_no_encoder(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "short.fa").write_text(">a\nAC\n")
    settings = PrepareSettings("s", WINDOW_SIZE, 5)
    look = look_at(ReadFiles((tmp_path / "short.fa",)), tmp_path, settings, 10)
    found = made([look], bundle, tmp_path)
    assert found.n_tasks == 0
    assert found.stages[8].sequences == 1
    assert "1 records of 2 bases, 1 windows, 0 frames (all read)" in render_estimate(found, "m")


def test_the_range_of_a_product_is_that_of_both() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(1.0, 2.0, 3.0)
    assert Spread(1.0, 2.0, 3.0).scaled(10, 0.5) == Spread(5.0, 20.0, 45.0)
    assert Spread(1.0, 2.0, 3.0).scaled(10, 2.0).low == 0
