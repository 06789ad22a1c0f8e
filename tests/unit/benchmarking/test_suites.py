"""The suites themselves, on a tiny model and a few reads: what they assert and what they leave."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.bundles import make_bundle
from tests.unit.benchmarking.suite_reports import suite_report
from tests.unit.test_cli import READS, run
from virnucpro_core import benchmarking
from virnucpro_core.benchmarking import (
    ALL,
    SUITES,
    SuiteSettings,
    combine,
    find_suite,
    read_suite_report,
    run_suite,
)
from virnucpro_core.benchmarking import _equivalence as equivalence
from virnucpro_core.benchmarking._encoder_bench import make_shards
from virnucpro_core.benchmarking._end_to_end import Work, measure_end_to_end
from virnucpro_core.benchmarking._suite_reads import write_reads
from virnucpro_core.errors import InputError, UsageError
from virnucpro_core.parameters import ParameterSchema, check_run
from virnucpro_core.sequences import read_batches

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("model") / "bundle")


def test_the_parameters_of_the_pipeline_know_every_suite() -> None:
    schema = json.loads((REPOSITORY / "nextflow_schema.json").read_text())
    known = schema["$defs"]["benchmark"]["properties"]["suite"]["enum"]
    assert known == [*SUITES, ALL]


@pytest.mark.parametrize("suite", [*SUITES, ALL])
def test_the_pipeline_takes_against_where_the_suite_does(suite: str) -> None:
    schema = ParameterSchema.read(REPOSITORY / "nextflow_schema.json")
    given = {**schema.defaults(), "task": "benchmark", "suite": suite, "against": "v1"}
    takes_against = suite == ALL or SUITES[suite].takes_against
    run = check_run(schema, given, launch_dir=REPOSITORY)
    assert run.errors == (
        ()
        if takes_against
        else (f"--suite {suite} compares with nothing else; leave out --against",)
    )


def test_every_suite_has_a_test_of_the_pipeline() -> None:
    for name in (*SUITES, ALL):
        text = (REPOSITORY / "tests" / "benchmarks" / f"{name}.nf.test").read_text()
        assert f'tag "{name}"' in text


def test_an_unknown_suite_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="no suite 'equivalense'; did you mean equivalence"):
        find_suite("equivalense")


def test_a_suite_that_compares_with_nothing_takes_no_against(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(UsageError, match="compares with nothing else; leave out --against"):
        run_suite("memory", SuiteSettings(against="HEAD"), print)
    assert run("bench", "memory", "--against", "HEAD") == 2
    assert run("bench", "memory", "--input", "absent.fa") == 2
    assert "absent.fa: there is no such file" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["memory", "all", "embed"])
def test_an_output_that_cannot_be_written_is_told_before_anything_is_measured(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    def measure(*given: object, **more: object) -> None:
        raise AssertionError("something was measured")

    monkeypatch.setattr(benchmarking, "run_suite", measure)
    monkeypatch.setattr(benchmarking, "measure_embed", measure)
    file = tmp_path / "file"
    file.touch()
    assert run("bench", command, "--output", file / "report") == 2
    assert f"{file / 'report'}: cannot be written (Not a directory)" in capsys.readouterr().err


def test_reads_beyond_those_of_the_source_are_changed_copies(tmp_path: Path) -> None:
    settings = SuiteSettings(input=READS)
    for number in (5, 60):
        path = write_reads(settings, number, tmp_path / f"{number}.fasta")
        batches = list(read_batches(path))
        ids = [name for batch in batches for name in batch.ids]
        letters = [text for batch in batches for text in batch.sequences]
        assert len(ids) == len(set(ids)) == number
    originals = [text for batch in read_batches(READS) for text in batch.sequences]
    n = len(originals)
    assert letters[:n] == originals
    for original, copy in zip(originals, letters[n : 2 * n], strict=True):
        same = np.mean([a == b for a, b in zip(original, copy, strict=True)])
        assert 0.9 < same < 1
    (tmp_path / "empty.fasta").touch()
    with pytest.raises(InputError, match="has no records"):
        write_reads(replace(settings, input=tmp_path / "empty.fasta"), 5, tmp_path / "a.fasta")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (">a\nACG\n>b\nAC!\n", "mine.fa, record 2 (b): has '!' at"),
        (">a\nACG\n>b\nACG\n>a\nACC\n", "mine.fa, record 3: the id a is that of "),
    ],
)
def test_a_mistake_in_the_reads_is_told_with_its_place_in_their_own_file(
    tmp_path: Path, text: str, message: str
) -> None:
    source = tmp_path / "mine.fa"
    source.write_text(text)
    with pytest.raises(InputError, match=re.escape(message)):
        write_reads(SuiteSettings(input=source), 5, tmp_path / "copy.fasta")


def test_reads_without_a_frame_are_told_by_their_own_name(tmp_path: Path, bundle: Path) -> None:
    source = tmp_path / "mine.fa"
    source.write_text(f">a\n{'TAAT' * 30}\n")
    settings = SuiteSettings(model=str(bundle), input=source, precision="fp32")
    message = r"mine\.fa: none of the first 1 records has a frame to embed"
    with pytest.raises(InputError, match=message):
        make_shards(settings, 1, tmp_path / "shards")
    with pytest.raises(InputError, match=message):
        measure_end_to_end(settings, Work(n_records=1))


def test_the_report_of_all_says_which_suite_each_part_is_of() -> None:
    reports = {"memory": suite_report(1.0, suite="memory"), "scaling": suite_report(2.0)}
    whole = combine(reports, SuiteSettings())
    assert [panel.title for panel in whole.panels] == [
        "memory: Speed", "memory: Over length", "scaling: Speed", "scaling: Over length",
    ]  # fmt: skip
    assert whole.targets[2].name == "scaling: speed"
    assert whole.checks[0].name == "memory: packed | alone"
    assert whole.seconds == 3.0


def test_an_unequal_result_ends_with_code_1_after_the_report_is_written(
    tmp_path: Path,
    bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(equivalence, "_QUICK_RECORDS", 24)
    words = ("--quick", "--model", bundle, "--input", READS, "--output", tmp_path)
    assert run("bench", "equivalence", *words) == 0
    report = read_suite_report(tmp_path / "equivalence.json")
    assert len(report.checks) > 15
    assert report.failed() == []
    embed = equivalence.EncoderBench.embed

    def wrong(self: equivalence.EncoderBench, strings: object, *given: object, **more: object):  # type: ignore[no-untyped-def]
        result = embed(self, strings, *given, **more)  # type: ignore[arg-type]
        if given and not given[0].packed:  # type: ignore[attr-defined]
            result.values[0] = result.values[0][::-1]
        return result

    monkeypatch.setattr(equivalence.EncoderBench, "embed", wrong)
    capsys.readouterr()
    assert run("bench", "equivalence", *words) == 1
    error = capsys.readouterr().err
    assert "suite equivalence: 2 of" in error
    assert "one frame at a time (largest 1 − cosine" in error
    assert "in benchmarks/ of the task's work folder" in error
    assert len(read_suite_report(tmp_path / "equivalence.json").failed()) == 2


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in SUITES if name != "equivalence"])
def test_a_suite_leaves_a_report_without_a_failed_check(
    tmp_path: Path, bundle: Path, name: str
) -> None:
    words = ("--quick", "--model", bundle, "--threads", "1", "--output", tmp_path)
    assert run("bench", name, *words) == 0
    report = read_suite_report(tmp_path / f"{name}.json")
    assert report.suite == name
    assert report.failed() == []
    assert (tmp_path / f"{name}.html").read_text().count("<figure") == len(report.panels)
