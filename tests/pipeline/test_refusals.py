"""What a run refuses: one clear line, no traceback, and before the first task where possible."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest

from tests.bundles import make_bundle
from tests.pipeline.running import READS, run_pipeline

pytestmark = [pytest.mark.slow, pytest.mark.pipeline]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("refusals")
    make_bundle(folder / "model")
    (folder / "empty").mkdir()
    for unfit in ("a$b.fasta", "reads[1].fasta"):
        (folder / unfit).touch()
    shutil.copytree(folder / "model", folder / "my$model")
    (folder / "genomes.csv").write_text(f"file,label,group\n{READS},virus,a\n{READS},virus\n")
    (folder / "sheet.csv").write_text(f"sample,file\na,absent.fq\nb c,{READS}\n")
    (folder / "broken").mkdir()
    (folder / "broken" / "bundle.json").write_text('{"window_size": ')
    (folder / "library" / "mine").mkdir(parents=True)
    (folder / "library" / "mine" / "bundle.json").write_text('{"window_size": 2}')
    (folder / "protein.fasta").write_text(">albumin\nMKWVTFISLLFLFSSAYSRGVFRRDAHKSEVAHRFKDLGE\n")
    whole = gzip.compress(READS.read_bytes())
    (folder / "cut.fasta.gz").write_bytes(whole[: len(whole) // 2])
    return folder


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--input is missing"),
        (["--input", "absent.fasta"], "--input absent.fasta: there is no such file"),
        (["--input", "a$b.fasta"], "--input a$b.fasta: a path with one of $"),
        (["--input", "reads[1].fasta"], "--input reads[1].fasta: a path with one of $"),
        (["--input", READS, "--model", "my$model"], "--model my$model: a path with one of $"),
        (["--input", "genomes.csv", "--task", "train"], "row 3: has fewer fields than the header"),
        (["--input", READS, "--container", "img:1"], "add one of them, or leave it out"),
        (["--input", "empty"], "--input empty: this is not a file"),
        (
            ["--input", READS, "--tresholds", "1"],
            "Unknown parameter --tresholds; did you mean --threshold?",
        ),
        (["--input", READS, "--model", "absent"], "--model absent: there is no such folder"),
        (["--input", READS, "--model", "empty"], "it has no bundle.json"),
        (["--input", READS, "--model", "broken"], "bundle.json has no window_size"),
        (["--input", READS, "--task", "train"], "this is no sheet of genomes"),
        (
            ["--input", READS, "--model", "model", "--preset", "strict"],
            "--preset needs probabilities",
        ),
        (["--task", "benchmark"], "--suite is missing; name v2-validation, v2-scaling,"),
        (["--task", "benchmark", "--suite", "equivalense"], "did you mean equivalence?"),
        (
            ["--task", "benchmark", "--suite", "all", "--input", "sheet.csv"],
            "a benchmark measures with one file of reads",
        ),
        (["--input", READS, "--suite", "all"], "--suite is for --task benchmark; leave it out"),
        (["--input", "sheet.csv", "--sample", "a"], "a samplesheet names its samples itself"),
    ],
)
def test_parameters_are_refused_before_the_first_task(
    folder: Path, arguments: list[str | Path], message: str
) -> None:
    given = arguments if "--model" in arguments else [*arguments, "--model", "model"]
    run = run_pipeline(folder, *given, outdir="refused")
    assert run.exit_code != 0
    lines = [line for line in run.output.splitlines() if message in line]
    assert len(lines) == 1, run.output
    assert run.tasks() == []
    assert "Stage " not in run.output


def test_all_mistakes_are_told_at_once(folder: Path) -> None:
    given = (
        "--input",
        "sheet.csv",
        "--threshold",
        "2",
        "--preemption_wait",
        "1h",
        "--precission",
        "x",
    )
    run = run_pipeline(folder, *given, outdir="refused")
    told = [
        "Unknown parameter --precission; did you mean --precision?",
        "--threshold is '2', it must be a number from 0 to 1",
        "--preemption_wait is '1h', it must be a whole number from 0 to 3600",
        f"{folder / 'sheet.csv'}, row 2: file absent.fq: there is no such file",
        f"{folder / 'sheet.csv'}, row 3: sample is 'b c', it must be letters, digits",
    ]
    lines = run.output.splitlines()
    start = next(number for number, line in enumerate(lines) if told[0] in line)
    for line, expected in zip(lines[start:], told, strict=False):
        assert expected in line
    assert run.exit_code != 0
    assert run.tasks() == []


def test_a_model_of_the_users_own_folder_is_found_by_its_name(folder: Path) -> None:
    given = ("--input", READS, "--model", "mine")
    library = {"VIRNUCPRO_MODELS": str(folder / "library")}
    run = run_pipeline(folder, *given, outdir="refused")
    assert "--model mine: there is no such folder or bundle" in run.output
    (folder / "mine").mkdir()  # as results that were called so; it does not hide the bundle
    run = run_pipeline(folder, *given, outdir="refused", variables=library)
    assert "--model mine: bundle.json has no window_size" in run.output


@pytest.mark.parametrize("name", ["protein.fasta", "cut.fasta.gz"])
def test_a_file_that_holds_no_whole_reads_is_refused(folder: Path, name: str) -> None:
    sample = name.split(".")[0]
    run = run_pipeline(folder, "--input", name, "--model", "model", profile=None)
    assert run.exit_code != 0
    told = f"sample {sample}: reads/1/{name}"
    assert len([x for x in run.output.splitlines() if x.startswith(told)]) == 1, run.output
    assert "Traceback" not in run.output
    assert "Error executing process" not in run.output
    assert "Stage " not in run.output
    assert "The results of all others" not in run.output
    # Bad input stays bad: it is not tried again.
    assert run.tasks().count(("PREPARE", "COMPLETED")) == 1
    # The trace may tell of a task that ends at once a second time.
    assert set(run.tasks()) >= {("FAILED_SAMPLE", "FAILED"), ("PREPARE", "COMPLETED")}
    assert run.statuses().keys() == {"FAILED_SAMPLE", "PREPARE"}
    assert not (run.outdir / sample).exists()
