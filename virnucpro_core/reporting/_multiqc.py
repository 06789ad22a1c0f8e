"""Files that MultiQC takes up as custom content, found by their names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from virnucpro_core._files import AtomicFile
from virnucpro_core.pages import CALL_COLOURS, OKABE_ITO, TIER_COLOURS
from virnucpro_core.reporting._run_samples import FailedSample, RunSample, all_tiers
from virnucpro_core.reporting._sample_figures import order_tiers
from virnucpro_core.reporting._stage_summary import StageSummary

__all__ = ["write_multiqc"]


def write_multiqc(
    folder: Path,
    samples: Sequence[RunSample],
    stages: Sequence[StageSummary] | None = None,
    failed: Sequence[FailedSample] = (),
) -> None:
    """Write ``*_mqc.json``, each a section of MultiQC's report, and the versions.

    Samples that were only embedded have no calls and are left out of those sections.

    Args:
        folder: where to write; made if it is missing.
        samples: the samples of a run.
        stages: the stages over all its tasks.
        failed: the samples that have no results.

    Raises:
        StoreError: a file cannot be written.
    """
    called = [sample for sample in samples if sample.is_called]
    contents: dict[str, Mapping[str, Any]] = {}
    if called:
        contents["virnucpro_general"] = _general(called)
        contents["virnucpro_calls"] = _calls(called)
    tiers = order_tiers(all_tiers(called))
    if tiers:
        contents["virnucpro_tiers"] = _tiers(called, tiers)
    if failed:
        contents["virnucpro_failed"] = _failed(failed)
    if stages:
        contents["virnucpro_stages"] = _stages(stages)
    for name, content in contents.items():
        _write(folder / f"{name}_mqc.json", content)
    versions = {name: v for sample in samples for name, v in sample.versions.items() if v}
    # JSON is YAML, too.
    _write(folder / "virnucpro_mqc_versions.yml", {"VirNucPro-NF": versions})


def _general(samples: Sequence[RunSample]) -> dict[str, Any]:
    whole = {"format": "{:,.0f}", "min": 0, "namespace": "VirNucPro-NF"}
    return {
        "id": "virnucpro_general",
        "plot_type": "generalstats",
        "headers": {
            "virus": {**whole, "title": "Virus", "description": "records called virus",
                      "scale": "Oranges"},
            "virus_percent": {**whole, "title": "% virus", "description": "of all records",
                              "max": 100, "suffix": "%", "format": "{:,.2f}", "scale": "Oranges"},
            "not_scorable_percent": {**whole, "title": "% not scorable", "max": 100,
                                     "suffix": "%", "format": "{:,.1f}", "hidden": True,
                                     "description": "of all records", "scale": "Greys"},
            "uninformative_percent": {**whole, "title": "% windows without information",
                                      "max": 100, "suffix": "%", "format": "{:,.2f}",
                                      "description": "unknown bases or low complexity, of all "
                                      "windows", "hidden": True, "scale": "Greys"},
            "records": {**whole, "title": "Records", "description": "of the input",
                        "scale": "Blues"},
        },
        "data": {
            s.name: {
                "virus": s.counts["virus"],
                "virus_percent": _percent(s.counts["virus"], s.counts["records"]),
                "not_scorable_percent": _percent(s.counts["not_scorable"], s.counts["records"]),
                "uninformative_percent": _percent(
                    s.counts["uninformative_chunks"], s.counts["chunks"]
                ),
                "records": s.counts["records"],
            }
            for s in samples
        },
    }  # fmt: skip


def _calls(samples: Sequence[RunSample]) -> dict[str, Any]:
    keys = {"virus": "virus", "non_virus": "non-virus", "not_scorable": "not-scorable"}
    return _bars(
        "virnucpro_calls",
        "VirNucPro: calls",
        "Records by call. Not scorable: no translation frame of the record is free of stops, or it "
        "is without information.",
        {key: {"name": call, "color": CALL_COLOURS[call]} for key, call in keys.items()},
        {s.name: {key: s.counts[key] for key in keys} for s in samples},
        "records",
    )


def _tiers(samples: Sequence[RunSample], tiers: Sequence[str]) -> dict[str, Any]:
    colours = [TIER_COLOURS[min(i, len(TIER_COLOURS) - 1)] for i in range(len(tiers))]
    return _bars(
        "virnucpro_tiers",
        "VirNucPro: confidence",
        "Records called virus, by the confidence of the call.",
        {t: {"name": t, "color": c} for t, c in zip(tiers, colours, strict=True)},
        {s.name: {tier: s.tiers.get(tier, 0) for tier in tiers} for s in samples},
        "records called virus",
    )


def _failed(failed: Sequence[FailedSample]) -> dict[str, Any]:
    return {
        "id": "virnucpro_failed",
        "section_name": "VirNucPro: failed samples",
        "description": "Samples without results.",
        "plot_type": "table",
        "pconfig": {"id": "virnucpro_failed_table", "title": "VirNucPro: failed samples"},
        "headers": {"reason": {"title": "What is wrong"}},
        "data": {sample.name: {"reason": sample.reason} for sample in failed},
    }


def _stages(stages: Sequence[StageSummary]) -> dict[str, Any]:
    return _bars(
        "virnucpro_stages",
        "VirNucPro: stages",
        "Seconds of each stage, over all tasks of the run.",
        {"seconds": {"name": "seconds", "color": OKABE_ITO["sky blue"]}},
        {stage.name: {"seconds": round(stage.seconds, 2)} for stage in stages},
        "seconds",
        cpswitch=False,
    )


def _bars(
    name: str,
    title: str,
    description: str,
    categories: Mapping[str, Any],
    data: Mapping[str, Any],
    unit: str,
    *,
    cpswitch: bool = True,
) -> dict[str, Any]:
    return {
        "id": name,
        "section_name": title,
        "description": description,
        "plot_type": "bargraph",
        "pconfig": {"id": f"{name}_plot", "title": title, "ylab": unit, "cpswitch": cpswitch},
        "categories": categories,
        "data": data,
    }


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 4) if whole else 0.0


def _write(path: Path, content: Mapping[str, Any]) -> None:
    with AtomicFile(path) as file:
        file.write(f"{json.dumps(content, indent=2, ensure_ascii=False)}\n".encode())
