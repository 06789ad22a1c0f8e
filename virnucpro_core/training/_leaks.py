"""Genomes that a bundle has seen before it is judged on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from virnucpro_core.models import Bundle

__all__ = ["encoder_genomes", "find_leaks", "seen_genomes"]

_MOST_NAMES = 10


def encoder_genomes(bundle: Bundle) -> list[dict[str, Any]]:
    """Genomes that the bundle's encoders were fitted on, as name and sha256 at least.

    Empty for encoders that were published: what they have seen is not on record.
    """
    training = bundle.spec.training
    if "encoder_genomes" in training:
        return list(_genomes(training["encoder_genomes"]))
    # Bundles that were trained from nothing fit encoders and classifier on the same genomes.
    return list(_genomes(_part(training, "train")))


def seen_genomes(bundle: Bundle) -> dict[str, str]:
    """``{sha256: how}`` of every genome that had a part in fitting the bundle."""
    seen = {genome["sha256"]: "its encoders" for genome in encoder_genomes(bundle)}
    for part, what in (("validation", "stopping and calibration"), ("train", "training")):
        genomes = _genomes(_part(bundle.spec.training, part))
        seen.update({genome["sha256"]: f"its {what}" for genome in genomes})
    return seen


def find_leaks(seen: Mapping[str, str], genomes: Mapping[str, str], bundle: str) -> list[str]:
    """Sentences that name the genomes that are to be judged but were seen.

    Args:
        seen: ``{sha256: how}``, see `seen_genomes`.
        genomes: ``{name: sha256}`` of those to be judged.
        bundle: name of the bundle.
    """
    names: dict[str, list[str]] = {}
    for name, digest in genomes.items():
        if digest in seen:
            names.setdefault(seen[digest], []).append(name)
    return [
        f"{len(found)} of the {len(genomes)} genomes judged were used for {bundle} ({how}), which "
        f"flatters the figures: {', '.join(found[:_MOST_NAMES])}"
        f"{', …' if len(found) > _MOST_NAMES else ''}"
        for how, found in names.items()
    ]


def _part(training: Mapping[str, Any], part: str) -> Any:
    genomes = training.get("genomes")
    return genomes.get(part) if isinstance(genomes, dict) else None


def _genomes(entries: Any) -> Iterator[dict[str, Any]]:
    # The record of a bundle's training has no schema: others may write what they like there.
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("sha256"), str):
            yield entry
