"""What of the package's requirements this environment does not meet."""

from __future__ import annotations

from importlib import metadata

from packaging.requirements import Requirement

__all__ = ["installed_version", "unmet_requirements"]

_DISTRIBUTION = "virnucpro-core"


def unmet_requirements() -> list[str]:
    """A clause for each package that is missing or of an unfit version, and where it is.

    Raises:
        importlib.metadata.PackageNotFoundError: virnucpro-core itself is not installed, so nothing
            tells what it needs.
    """
    unmet = []
    for text in metadata.requires(_DISTRIBUTION) or []:
        need = Requirement(text)
        if need.marker is not None and not need.marker.evaluate({"extra": ""}):
            continue
        found = installed_version(need.name)
        if found is None:
            unmet.append(f"{need.name} is not installed")
        elif not need.specifier.contains(found, prereleases=True):
            where = metadata.distribution(need.name).locate_file("")
            unmet.append(f"{need.name} is {found} (in {where}), {need.specifier} is needed")
    return unmet


def installed_version(name: str) -> str | None:
    """The version of a package; None where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
