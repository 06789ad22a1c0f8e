"""Reports of suites: as data, JSON, Markdown and a page."""

from __future__ import annotations

import copy
import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.unit.benchmarking.suite_reports import suite_report
from virnucpro_core.benchmarking import (
    SUITE_SCHEMA_VERSION,
    Panel,
    Point,
    Target,
    read_suite_report,
    refuse_unequal,
    render_markdown,
    write_suite_report,
)
from virnucpro_core.errors import StoreError, VirnucproError


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    text = resources.files("virnucpro_core.benchmarking").joinpath("suite.schema.json").read_text()
    document = json.loads(text)
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document)


def test_a_report_is_written_as_the_schema_says_and_read_back_the_same(
    schema: Draft202012Validator, tmp_path: Path
) -> None:
    report = suite_report(3.0, 1.0, 2.0)
    write_suite_report(report, tmp_path)
    document = json.loads((tmp_path / "throughput.json").read_text())
    schema.validate(document)
    assert document["schema_version"] == SUITE_SCHEMA_VERSION
    assert schema.schema["$id"].endswith(f":{SUITE_SCHEMA_VERSION}")
    point = document["panels"][0]["points"][0]
    assert (point["median"], point["min"], point["max"]) == (2.0, 1.0, 3.0)
    assert [target["outcome"] for target in document["targets"]] == ["pass", "not measured"]
    again = read_suite_report(tmp_path / "throughput.json")
    assert again.to_json() == report.to_json()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "throughput.html", "throughput.json", "throughput.md",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("machine"),
        lambda d: d.update(novelty=1),
        lambda d: d["panels"][0].update(better="more"),
        lambda d: d["panels"][0]["points"][0].update(values=[]),
        lambda d: d["panels"].clear(),
        lambda d: d["settings"].update(threads=0),
        lambda d: d["targets"][0].update(outcome="not measured"),
        lambda d: d["targets"][1].update(why_missing=""),
    ],
)
def test_another_document_is_refused(
    schema: Draft202012Validator, tmp_path: Path, change: Any
) -> None:
    document = json.loads(suite_report(1.0).to_json())
    changed = copy.deepcopy(document)
    change(changed)
    assert schema.is_valid(document)
    assert not schema.is_valid(changed)
    path = tmp_path / "a.json"
    path.write_text(json.dumps(changed))
    with pytest.raises(StoreError, match=r"a\.json: is not the report of a suite"):
        read_suite_report(path)


def test_another_schema_version_is_named(tmp_path: Path) -> None:
    document = json.loads(suite_report(1.0).to_json())
    path = tmp_path / "a.json"
    path.write_text(json.dumps({**document, "schema_version": 9}))
    with pytest.raises(StoreError, match="has schema version 9, this is of version 1"):
        read_suite_report(path)


def test_a_target_passes_at_its_limit() -> None:
    assert Target("a", "at least", 2.0, 2.0, "why").outcome == "pass"
    assert Target("a", "at least", 2.0, 1.9, "why").outcome == "miss"
    assert Target("a", "at most", 2.0, 2.1, "why").outcome == "miss"
    assert Target("a", "at most", 2.0, None, "why", "no device").outcome == "not measured"
    with pytest.raises(ValueError, match="either a measured number or why"):
        Target("a", "at most", 2.0, None, "why")


def test_points_are_numbers_with_names_of_their_own_and_a_place_on_an_axis() -> None:
    with pytest.raises(ValueError, match="no measured numbers"):
        Point("a", ())
    with pytest.raises(ValueError, match="no measured numbers"):
        Point("a", (float("nan"),))
    with pytest.raises(ValueError, match="two of one name"):
        Panel("p", "s", (Point("a", (1.0,)), Point("a", (2.0,))))
    with pytest.raises(ValueError, match="where the panel has an axis"):
        Panel("p", "s", (Point("a", (1.0,)),), "", "records")


def test_a_failed_check_is_an_error_that_names_it() -> None:
    refuse_unequal(suite_report(1.0))
    with pytest.raises(VirnucproError, match=r"1 of 1 checks failed: packed \| alone") as caught:
        refuse_unequal(suite_report(1.0, passed=False))
    assert caught.value.exit_code == 1


def test_markdown_has_targets_checks_medians_and_the_machine() -> None:
    text = render_markdown(suite_report(3.0, 1.0, 2.0, passed=False))
    assert "2 targets: 1 reached, 1 not measured." in text
    assert "| speed | at least 2 | 3 | pass | it was measured |" in text
    assert "| two devices | at least 1.9 | – | not measured: no such device |" in text
    assert r"| packed \| alone | NO | 1 of 1 equal |" in text
    assert "| ESM-2 | 2 | 1–3 | 3 |" in text
    assert "- cpu_model: a processor" in text
    assert "sourmash" not in text


def test_the_page_opens_offline_and_has_a_figure_for_each_panel(tmp_path: Path) -> None:
    write_suite_report(suite_report(1.0, passed=False), tmp_path)
    page = (tmp_path / "throughput.html").read_text()
    assert page.count("<figure") == 2
    assert "packed | alone: 1 of 1 equal" in page  # among what must not be missed
    for source in ('src="http', "src='http", '<link rel="stylesheet"', "@import"):
        assert source not in page
