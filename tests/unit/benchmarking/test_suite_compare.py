"""Two reports of a suite beside each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.benchmarking.suite_reports import suite_report
from tests.unit.test_cli import run
from virnucpro_core.benchmarking import compare_suites
from virnucpro_core.errors import UsageError


@pytest.mark.parametrize(
    ("old", "new", "better", "expected"),
    [
        ((10.0, 11.0, 12.0), (20.0, 21.0, 22.0), "higher", "better"),
        ((10.0, 11.0, 12.0), (20.0, 21.0, 22.0), "lower", "worse"),
        ((20.0, 21.0, 22.0), (10.0, 11.0, 12.0), "higher", "worse"),
        ((10.0, 11.0, 12.0), (20.0, 21.0, 22.0), "", "changed"),
        ((10.0, 11.0, 12.0), (12.0, 21.0, 22.0), "higher", ""),
        ((10.0,), (20.0,), "higher", ""),
        ((10.0,), (20.0, 21.0), "higher", "better"),
    ],
)
def test_a_change_beyond_the_spread_is_flagged(
    old: tuple[float, ...], new: tuple[float, ...], better: str, expected: str
) -> None:
    comparison = compare_suites(
        suite_report(*old, better=better), suite_report(*new, better=better)
    )
    assert comparison.points[0].change == expected


def test_the_table_has_the_ratio_of_medians() -> None:
    text = str(compare_suites(suite_report(10.0, 11.0, 12.0), suite_report(22.0, 22.0, 33.0)))
    assert "| Speed: ESM-2 | frames/s | 11 (10–12) | 22 (22–33) | 2.00 | better |" in text
    assert str(compare_suites(suite_report(0.0), suite_report(1.0))).count("| – |") == 1


def test_what_is_in_one_report_only_is_named() -> None:
    other = suite_report(1.0)
    new = suite_report(1.0)
    object.__setattr__(new, "panels", other.panels[:1])
    comparison = compare_suites(other, new)
    assert comparison.only_old == ("Over length: 100 aa",)
    assert "Only in the old report: Over length: 100 aa" in str(comparison)


def test_reports_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(UsageError, match="is of suite memory, the new one of throughput"):
        compare_suites(suite_report(1.0, suite="memory"), suite_report(1.0))


def test_other_machines_and_settings_are_warnings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / "old.json", tmp_path / "new.json"]
    reports = (
        suite_report(1.0, settings={"threads": 1}),
        suite_report(2.0, settings={"threads": 2}, machine={"cpu_model": "another"}),
    )
    for path, report in zip(paths, reports, strict=True):
        path.write_text(report.to_json())
    assert run("bench", "compare", *paths) == 0
    output = capsys.readouterr()
    assert "warning: machine cpu_model differs: a processor before, another now" in output.err
    assert "warning: setting threads differs: 1 before, 2 now" in output.err
    assert "| Speed: ESM-2 |" in output.out
    paths[0].write_text(json.dumps({"schema_version": 1}))
    assert run("bench", "compare", *paths) == 3
    assert "old.json: is not the report of a suite" in capsys.readouterr().err
