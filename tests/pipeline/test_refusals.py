"""What a run refuses: one clear line, no traceback, and before the first task where possible."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.bundles import make_bundle
from tests.pipeline.running import READS, REPOSITORY, run_pipeline

pytestmark = [pytest.mark.slow, pytest.mark.pipeline]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("refusals")
    make_bundle(folder / "model")
    (folder / "empty").mkdir()
    for unfit in ("a$b.fasta", "reads[1].fasta"):
        (folder / unfit).touch()
    shutil.copytree(folder / "model", folder / "my$model")
    (folder / "short.csv").write_text(f"file,label,group\n{READS},virus,a\n{READS},virus\n")
    (folder / "bad.csv").write_text("file,label\ngone.fa,virus\n")
    (folder / "genomes" / "viral" / "viral").mkdir(parents=True)
    (folder / "genomes" / "viral" / "viral" / "a.fa").touch()
    shutil.copy(READS, folder / "reads.fasta")
    (folder / "sheet.csv").write_text(f"sample,file\na,absent.fq\nb c,{READS}\n")
    (folder / "broken").mkdir()
    (folder / "broken" / "bundle.json").write_text('{"window_size": ')
    (folder / "library" / "mine").mkdir(parents=True)
    (folder / "library" / "mine" / "bundle.json").write_text('{"window_size": 2}')
    (folder / "library" / "odd").mkdir()
    described = '{"window_size": 300, "frame_rule": "shortest"}'
    (folder / "library" / "odd" / "bundle.json").write_text(described)
    (folder / "mine").mkdir()  # results that were called so
    (folder / "protein.fasta").write_text(">albumin\nMKWVTFISLLFLFSSAYSRGVFRRDAHKSEVAHRFKDLGE\n")
    return folder


@pytest.fixture(scope="module")
def said(folder: Path) -> dict[str, str]:
    """What the checks of the head job say, by what they are asked; all of it from one start."""
    project = folder / "project"
    project.mkdir()
    shutil.copy(Path(__file__).with_name("refusals.nf"), project / "main.nf")
    run = run_pipeline(
        folder,
        *("-lib", REPOSITORY / "lib", "--project", REPOSITORY),
        project=project,
        profile=None,
        variables={"VIRNUCPRO_MODELS": str(folder / "library")},
    )
    assert run.exit_code == 0, run.output
    lines = (line.partition(": ") for line in run.output.splitlines())
    return {name: line for name, _, line in lines}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("input absent.fasta", "--input absent.fasta: there is no such file"),
        ("input a$b.fasta", "--input a$b.fasta: a path with one of $"),
        ("input reads[1].fasta", "--input reads[1].fasta: a path with one of $"),
        ("model my$model", "--model my$model: a path with one of $"),
        ("model absent", "--model absent: there is no such folder or bundle"),
        ("model empty", "--model empty: this is not a model bundle, it has no bundle.json"),
        ("model broken", "--model broken: bundle.json has no window_size"),
        # That of the user's folder of models; a folder of results does not hide it.
        ("model mine", "--model mine: bundle.json has no window_size"),
        ("genomes absent.csv", "absent.csv: there is no such file or folder"),
        ("genomes short.csv", "row 3: has fewer fields than the header"),
        ("genomes bad.csv", "names 'gone.fa', which is not a file"),
        ("genomes genomes/viral", "the folder cellular holds no file"),
        ("genomes reads.fasta", "this is no sheet of genomes"),
        ("batch", "--aws_queue is missing"),
        ("batch with a queue", "--aws_workdir is missing"),
        (
            "model odd",
            "--model odd: bundle.json has the frame_rule 'shortest', it must be complete or",
        ),
        ("cds of the model", "complete frames, and the frame rule of the model is longest; add"),
        ("cds as asked", "complete frames, and the frame rule that was asked for is longest; add"),
        ("cds complete", "nothing"),
        ("preset", "--preset needs probabilities"),
        ("no preset", "nothing"),
    ],
)
def test_what_cannot_be_is_a_line(said: dict[str, str], asked: str, message: str) -> None:
    assert message in said[asked]


def test_a_run_is_refused_before_the_first_task_with_all_mistakes_at_once(folder: Path) -> None:
    given = (
        *("--input", "sheet.csv", "--sample", "a", "--model", "model"),
        *("--threshold", "2", "--preemption_wait", "1h", "--precission", "x"),
    )
    run = run_pipeline(folder, *given, outdir="refused")
    told = [
        "Unknown parameter --precission; did you mean --precision?",
        "--threshold is '2', it must be a number from 0 to 1",
        "--preemption_wait is '1h', it must be a whole number from 0 to 3600",
        "--sample is for one file; a samplesheet names its samples itself",
        f"{folder / 'sheet.csv'}, row 2: file absent.fq: there is no such file",
        f"{folder / 'sheet.csv'}, row 3: sample is 'b c', it must be letters, digits",
    ]
    lines = run.output.splitlines()
    start = next(number for number, line in enumerate(lines) if told[0] in line)
    for line, expected in zip(lines[start:], told, strict=False):
        assert expected in line
    assert run.exit_code != 0
    assert run.tasks() == []
    assert "Stage " not in run.output


def test_a_file_that_holds_no_reads_is_a_line(folder: Path) -> None:
    name, sample = "protein.fasta", "protein"
    (folder / "results" / sample).mkdir(parents=True)  # as an earlier run would have left it
    run = run_pipeline(folder, "--input", name, "--model", "model", profile=None)
    assert run.exit_code != 0
    assert f"What is in results/{sample} is of an earlier run." in run.output
    told = f"sample {sample}: {folder / name}, record 1"
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
    assert list((run.outdir / sample).iterdir()) == []
