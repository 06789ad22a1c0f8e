"""report.html of a sample: what it tells, of whatever files there are."""

from __future__ import annotations

import gzip
import json
import random
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.browser import show
from tests.unit.reporting.results import BUNDLE, CALIBRATED, Record, write_sample
from virnucpro_core._files import sha256_of_file
from virnucpro_core.cli import main
from virnucpro_core.errors import InputError, StoreError
from virnucpro_core.reporting import STAGES, SampleFiles, StageSummary, write_sample_report

VIRUSES = [
    Record("phage", 9400, 0.91, 0.97, 0.01, "high"),
    Record("fragment", 480, 0.88, 0.8, 0.1, "medium"),
    Record("<i>odd</i>", 300, 0.7, 0.6, 0.2, "low"),
]
OTHERS = [
    Record("host_1", 2600, 0.2, 0.05, 0.6, "high"),
    Record("host_2", 900, 0.4, 0.2, 0.5, "medium"),
]
LOST = [
    Record(
        "gap",
        800,
        None,
        reason="without information: unknown bases",
        tier="not-scorable",
        n_uninformative=2,
    ),
    Record(
        "contig",
        1700,
        None,
        tier="not-scorable",
        n_uninformative=3,
        reason="every frame has a stop codon; 3 of 4 windows without information: low complexity",
    ),
    Record("stops", 700, None, reason="every frame has a stop codon", tier="not-scorable"),
    Record("nothing", 0, None, reason="empty", tier="not-scorable"),
]
SUMMARY = {
    "prevalence": {
        "value": 0.2,
        "source": "estimated",
        "estimate": {"share": 0.1, "at_most": 0.2},
    },
    "decision": {"rule": "fdr", "cutoff": 0.05, "preset": None},
    "warnings": ["A warning of the caller."],
}
RUN = {
    "parameters": {"input": "reads.fq", "fdr": 0.05},
    "versions": {"virnucpro": "0.1.0", "torch": None},
    "inputs": [{"name": "reads.fq", "bytes": 77, "sha256": "f" * 64}],
    "bundle": {"name": "tested", "sha256": "b" * 64},
    "code": {"sha256": "c" * 64},
    "command": ["nextflow", "run", "main.nf"],
}


def report(folder: Path, files: SampleFiles, bundle: dict[str, Any], **given: Any) -> str:
    """The page's text without its scripts."""
    write_sample_report(folder / "report.html", "swab", files, bundle, **given)
    text = (folder / "report.html").read_text()
    text = re.sub(r"<(script|style)\b.*?</\1>", " ", text, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", text)).split())


@pytest.fixture
def files(tmp_path: Path) -> SampleFiles:
    regions = "phage\t1000\t5000\tphage_1\nelsewhere\t1\t2\tx\n"
    return write_sample(
        tmp_path / "swab", VIRUSES + OTHERS + LOST, regions=regions, summary=SUMMARY, run=RUN
    )


def test_a_calibrated_sample(tmp_path: Path, files: SampleFiles) -> None:
    text = report(tmp_path, files, CALIBRATED)
    assert (
        "2 of 9 records are called virus with confidence (tier high or medium) by the model "
        "tested. 1 more may be viral, but the model is unsure of them." in text
    )
    assert "tier phage 9,400 0.97 high fragment 480 0.8 medium A warning" in text
    assert "1 high, 1 medium, 1 low" in text
    assert "A warning of the caller." in text
    assert "q-value of at most 0.05" in text
    assert "0.2 (the most that this sample allows)" in text
    assert "Viral regions (shaded): 1,001–5,000." in text
    assert "every frame has a stop codon 1 25.0%" in text
    assert "without information: unknown bases 1 25.0%" in text
    assert "stop codon; windows without information: low complexity 1 25.0%" in text
    assert "windows without information 5" in text
    assert "Reliability: what the model said, and what was true" in text
    assert "How many records at which false discovery rate" in text
    assert "D others bacteria 90 0.41" in text
    assert "k-mer logistic regression 500" in text
    assert "f" * 64 in text
    assert "nextflow run main.nf" in text


def test_calls_that_are_all_unsure_are_said_to_be(tmp_path: Path) -> None:
    records = [replace(r, tier="low") for r in VIRUSES] + OTHERS
    text = report(tmp_path, write_sample(tmp_path / "s", records), CALIBRATED)
    assert (
        "None of 5 records is called virus with confidence (tier high or medium) by the model "
        "tested. 3 may be viral, but the model is unsure of them." in text
    )
    assert "with most confidence" not in text


def test_unfamiliar_records_are_counted_come_last_and_are_named_where_they_are_many(
    tmp_path: Path,
) -> None:
    strange = Record("random", 5000, 0.99, 0.999, 0.001, "unfamiliar", reason="unlike")
    other = Record("adapter", 90, 0.1, 0.01, 0.9, "unfamiliar", reason="unlike")
    few = write_sample(tmp_path / "few", [*VIRUSES, *OTHERS, strange])
    text = report(tmp_path, few, CALIBRATED)
    assert "1 high, 1 medium, 1 low, 1 unfamiliar" in text
    assert text.index("phage") < text.index("fragment") < text.index("random")
    assert "Their calls, in the tier unfamiliar, mean little" not in text
    many = write_sample(tmp_path / "many", [*VIRUSES, *OTHERS, strange, other])
    text = report(tmp_path, many, CALIBRATED)
    assert "2 of the 7 scored records (29%) are unlike the genomes that the model knows" in text


def test_what_the_answers_of_partial_frames_rest_on(tmp_path: Path) -> None:
    records = [
        Record("half", 900, 0.9, 0.9, 0.1, "low", n_partial_frames=2, coverage=0.5123),
        Record("gap", 800, None, reason="without information: unknown bases", n_uninformative=2),
    ]
    summary = SUMMARY | {"frames": {"rule": "longest"}, "windows": {"coverage": 0.5123}}
    bundle = CALIBRATED | {"frame_rule": "longest"}
    text = report(tmp_path, write_sample(tmp_path / "s", records, summary=summary), bundle)
    assert "half 900 0.9 2 2 0.5123 0.9 0.1 low" in text
    assert "frame rule longest frames 2 of them partial 2" in text
    assert "coverage of scored windows 51.2%" in text
    assert "frame rule longest dna encoder" in text
    assert "the one with the longest stretch without, and that stretch is its protein" in text
    assert "stop-free" not in text


def test_a_sample_of_complete_frames_says_why_windows_have_none(
    tmp_path: Path, files: SampleFiles
) -> None:
    text = report(tmp_path, files, CALIBRATED)
    assert "frame rule not recorded" in text
    assert "in non-coding sequence often none is" in text
    assert "frame rule complete dna encoder" in text


def test_names_are_shown_as_they_are(tmp_path: Path, files: SampleFiles) -> None:
    assert "<i>odd</i>" in report(tmp_path, files, CALIBRATED)
    assert "<i>odd" not in (tmp_path / "report.html").read_text()


def test_the_same_files_give_the_same_bytes(tmp_path: Path, files: SampleFiles) -> None:
    report(tmp_path, files, CALIBRATED)
    first = (tmp_path / "report.html").read_bytes()
    report(tmp_path, files, CALIBRATED)
    assert (tmp_path / "report.html").read_bytes() == first
    assert len(first) < 1_500_000


def test_an_uncalibrated_model_has_no_probabilities(tmp_path: Path) -> None:
    records = [replace(r, probability=None, q_value=None, tier=None) for r in VIRUSES + OTHERS]
    text = report(tmp_path, write_sample(tmp_path / "s", records), BUNDLE)
    assert "This model is not calibrated" in text
    assert "The bundle does not say how accurate this model is." in text
    assert "3 of 5 records are called virus" in text
    assert "q-value" not in text


def test_only_the_table_of_the_records_is_needed(tmp_path: Path, files: SampleFiles) -> None:
    text = report(tmp_path, SampleFiles(files.sequences), CALIBRATED)
    assert "2 of 9 records" in text
    assert "There is no run.json at hand." in text
    assert "not recorded" in text


@pytest.mark.parametrize("bundle", [BUNDLE, CALIBRATED], ids=["uncalibrated", "calibrated"])
@pytest.mark.parametrize(
    ("records", "told"),
    [
        ([], "The sample has no record."),
        (LOST, "No record has a score."),
        (OTHERS, "No record is called virus."),
    ],
    ids=["empty", "not scorable", "no virus"],
)
def test_samples_with_little_in_them(
    tmp_path: Path, records: list[Record], told: str, bundle: dict[str, Any]
) -> None:
    text = report(tmp_path, write_sample(tmp_path / "s", records), bundle)
    assert told in text
    assert f"0 of {len(records)} records are called virus" in text


def test_what_the_scores_say_of_the_share_of_viruses_is_told(
    tmp_path: Path, files: SampleFiles
) -> None:
    text = report(tmp_path, files, CALIBRATED)
    assert "prevalence 0.2 (the most that this sample allows)" in text
    assert "share of viruses, the likeliest by the scores 0.1" in text
    assert "share of viruses, the most that the scores allow 0.2" in text


def test_stages_are_shown_when_they_are_known(tmp_path: Path, files: SampleFiles) -> None:
    stages = [StageSummary(name, 2.0, 10, 0, tasks=1, cached=1) for name in STAGES]
    assert "Consensus Scoring 2 11.1% 10 0 cached" in report(
        tmp_path, files, CALIBRATED, stages=stages
    )


def test_a_damaged_table_of_scores_is_an_error(tmp_path: Path, files: SampleFiles) -> None:
    assert files.scores is not None
    files.scores.write_bytes(b"PAR1 no more")
    with pytest.raises(StoreError, match=r"scores\.parquet: is not a table of scores"):
        report(tmp_path, files, CALIBRATED)


def test_regions_that_are_not_bed_are_an_error(tmp_path: Path, files: SampleFiles) -> None:
    assert files.regions is not None
    files.regions.write_text("phage\tten\t20\n")
    with pytest.raises(StoreError, match=r"regions\.bed:1: is not BED"):
        report(tmp_path, files, CALIBRATED)


def test_viral_records_that_are_gone_are_an_error(tmp_path: Path, files: SampleFiles) -> None:
    with pytest.raises(InputError, match=r"viral\.fasta\.gz: cannot be read"):
        report(tmp_path, replace(files, viral=tmp_path / "viral.fasta.gz"), CALIBRATED)


@pytest.mark.parametrize("cut", [0.5, 0.99])
def test_viral_records_that_end_too_early_are_an_error(
    tmp_path: Path, files: SampleFiles, cut: float
) -> None:
    viral = tmp_path / "viral.fasta.gz"
    rng = random.Random(1)
    packed = gzip.compress(f">r\n{''.join(rng.choices('ACGT', k=4000))}\n".encode())
    viral.write_bytes(packed[: int(cut * len(packed))])
    with pytest.raises(
        InputError, match=r"viral\.fasta\.gz: cannot be read.*call the sample again"
    ):
        report(tmp_path, replace(files, viral=viral), CALIBRATED)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prevalence": {"value": "x"}}, r"\(prevalence\.value: 'x' is not of type 'number'\)"),
        ({"decision": "y"}, r"\(decision: 'y' is not of type 'object'\)"),
        ({"decision": {"rule": "fdr", "cutoff": []}}, r"\(decision\.cutoff: "),
        ({"warnings": 3}, r"\(warnings: "),
        ({"bundle_sha256": 3}, r"\(bundle_sha256: "),
    ],
)
def test_a_summary_with_other_types_is_an_error(
    tmp_path: Path, files: SampleFiles, change: dict[str, Any], message: str
) -> None:
    assert files.summary is not None
    files.summary.write_text(json.dumps(SUMMARY | change))
    with pytest.raises(StoreError, match=rf"summary\.json: is not a summary\.json {message}"):
        report(tmp_path, files, CALIBRATED)


def test_another_model_than_that_of_the_results_is_refused(
    tmp_path: Path, files: SampleFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    assert files.summary is not None
    files.summary.write_text(json.dumps(SUMMARY | {"bundle_sha256": "ab" * 32}))
    digest = sha256_of_file(Path("assets/models/demo/bundle.json"))
    page = tmp_path / "page.html"
    command = ["report", "html", str(files.sequences.parent), "--sample", "swab"]
    command += ["--output", str(page), "--model", "assets/models/demo"]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert f"is of the model with the digest {'ab' * 6}; demo, which was given, has " in error
    assert digest[:12] in error
    assert not page.exists()
    files.summary.write_text(json.dumps(SUMMARY | {"bundle_sha256": digest}))
    assert main(command) == 0


def test_the_command(
    tmp_path: Path, files: SampleFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    command = ["report", "html", str(files.sequences.parent), "--sample", "swab"]
    assert main([*command, "--output", str(page), "--model", "assets/models/demo"]) == 0
    assert capsys.readouterr().out == f"swab: {page}\n"
    assert "The model is the demonstration model." in page.read_text()
    assert "f" * 64 in page.read_text()
    specs = re.findall(r'data-chart="[^"]*">(.*?)</script>', page.read_text())
    assert len(specs) >= 3
    assert all(json.loads(spec)["$schema"] for spec in specs)


def test_a_folder_without_results_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"has no sequences\.tsv"):
        SampleFiles.of_folder(tmp_path)


def test_a_folder_with_viral_records_of_two_runs_is_an_error(files: SampleFiles) -> None:
    folder = files.sequences.parent
    (folder / "viral.fasta.gz").touch()
    assert SampleFiles.of_folder(folder).viral == folder / "viral.fasta.gz"
    (folder / "viral.fastq.gz").touch()
    with pytest.raises(StoreError, match=r"has viral\.fasta\.gz and viral\.fastq\.gz"):
        SampleFiles.of_folder(folder)


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1440])
def test_a_browser_draws_all_of_it_without_complaint(
    tmp_path: Path, files: SampleFiles, width: int
) -> None:
    report(tmp_path, files, CALIBRATED)
    shown = show(tmp_path / "report.html", tmp_path, width=width)
    assert shown.console == []
    # Tiers, both tracks that are open, two distributions, the FDR curve, the reliability diagram.
    assert shown.document.count('class="marks"') == 6
    assert shown.document.count('type="range"') == 2
