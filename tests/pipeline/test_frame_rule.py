"""The frame rule on its way from the bundle, or from the user, to results and warnings."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.pipeline.running import READS, REPOSITORY, Run, read_table, run_pipeline

pytestmark = [pytest.mark.slow, pytest.mark.pipeline]

DEMO = REPOSITORY / "assets" / "models" / "demo"
# A stop in each of the six frames.
STOPS = "ATTACCGTAATCTACTATTAAGTCACAACCAAACAATGGATTAATTTCTTAGTTGGAATC"
WARNING = "the model's classifier was trained and calibrated on"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reads, and the demo bundle as if it had been trained with the rule ``longest``."""
    folder = tmp_path_factory.mktemp("rule")
    shutil.copytree(DEMO, folder / "partial")
    path = folder / "partial" / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "frame_rule": "longest"}))
    rest = f">stops\n{STOPS}\n>gap\n{'N' * 300}\n>mixed\n{STOPS}{'N' * 400}{STOPS * 9}\n>two\nAC\n"
    (folder / "reads.fasta").write_text(READS.read_text() + rest)
    return folder


def rows_by_id(run: Run) -> dict[str, dict[str, str]]:
    return {row["id"]: row for row in read_table(run.outdir / "reads" / "sequences.tsv")}


def test_by_longest_no_record_is_without_an_answer_for_want_of_a_frame(folder: Path) -> None:
    run = run_pipeline(
        folder, "--input", "reads.fasta", "--model", "partial", "--shard_frames", "9",
        outdir="partial_results",
    )  # fmt: skip
    assert run.exit_code == 0, run.output
    assert WARNING not in run.output
    rows = rows_by_id(run)
    without = {name: row["reason"] for name, row in rows.items() if row["call"] == "not-scorable"}
    assert without == {
        "gap": "without information: unknown bases",
        "two": "shorter than one codon",
    }
    partial = [row for row in rows.values() if int(row["n_partial_frames"])]
    assert len(partial) > 5
    assert all(float(row["coverage"]) < 1 for row in partial)
    sample = run.outdir / "reads"
    summary = json.loads((sample / "summary.json").read_text())
    assert summary["frames"]["rule"] == "longest"
    assert summary["frames"]["partial"] == sum(
        int(row["n_partial_frames"]) for row in rows.values()
    )
    assert not any(WARNING in warning for warning in summary["warnings"])
    parameters = json.loads((sample / "run.json").read_text())["parameters"]
    assert parameters["frame_rule"] == "longest"
    page = (sample / "report.html").read_text()
    assert "every frame has a stop codon" not in page
    assert "the one with the longest stretch without" in page


def test_another_rule_than_the_models_is_warned_of_everywhere(folder: Path) -> None:
    run = run_pipeline(
        folder, "--input", "reads.fasta", "--model", str(DEMO), "--frame_rule", "longest",
        outdir="asked",
    )  # fmt: skip
    assert run.exit_code == 0, run.output
    # Before the first task, and when the sample has been called.
    first, last = [line for line in run.output.splitlines() if WARNING in line]
    assert first.startswith("WARN: --frame_rule longest: ")
    assert last.startswith("sample reads: ")
    assert rows_by_id(run)["stops"]["n_partial_frames"] == "1"
    sample = run.outdir / "reads"
    warnings = json.loads((sample / "summary.json").read_text())["warnings"]
    assert any(WARNING in warning for warning in warnings)
    assert "classifier was trained and calibrated on" in (sample / "report.html").read_text()


def test_a_model_without_the_field_is_of_complete_frames(folder: Path) -> None:
    run = run_pipeline(folder, "--input", "reads.fasta", "--model", str(DEMO), outdir="complete")
    assert run.exit_code == 0, run.output
    assert WARNING not in run.output
    rows = rows_by_id(run)
    assert rows["stops"]["reason"] == "every frame has a stop codon"
    assert {row["n_partial_frames"] for row in rows.values()} == {"0"}


def test_the_estimate_knows_the_rule(folder: Path) -> None:
    frames = []
    for rule in ("complete", "longest"):
        run = run_pipeline(
            folder, "--input", "reads.fasta", "--model", "partial", "--frame_rule", rule,
            "--dry_run",
        )  # fmt: skip
        assert run.exit_code == 0, run.output
        (line,) = [line for line in run.output.splitlines() if line.startswith("1 sample: ")]
        frames.append(int(line.split(" windows, ")[1].split()[0]))
        assert (WARNING in run.output) is (rule == "complete")
    assert frames[1] > frames[0] > 0
