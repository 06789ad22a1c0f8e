"""Try the steps of containers/Dockerfile where there is no container engine.

    python scripts/try_container.py [--torch-index ADDRESS | --stand-in]

Its files are copied as .dockerignore lets them, its RUN steps run in a fresh virtual environment in
a temporary folder, and the packages of apt-get are looked up but not installed.  Without an option
that is the variant with CUDA, several GB.  ``--stand-in`` is the variant for CPUs with an empty
package in the place of torch: everything but torch is then the real thing, in about a minute.

This shows that the packages exist, agree with constraints.txt and hold the program together, on
this machine's system; it does not show that the base image exists, or that the image is built.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
IN_IMAGE = "/opt/virnucpro"


def instructions(dockerfile: Path) -> Iterator[tuple[str, str]]:
    """``(instruction, arguments)``, with continued lines as the shell gets them."""
    lines = [x for x in dockerfile.read_text().splitlines() if not x.startswith("#")]
    for entry in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        if entry.strip():
            name, _, arguments = entry.partition(" ")
            yield name, arguments


def sent_files(ignore: Path) -> list[Path]:
    """The tracked files that a build sees; of the patterns that fit one the last decides."""
    patterns = [x for x in ignore.read_text().splitlines() if x and not x.startswith("#")]
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    sent = []
    for name in tracked.stdout.splitlines():
        fits = [p for p in patterns if _fits(name, p.removeprefix("!"))]
        if not fits or fits[-1].startswith("!"):
            sent.append(Path(name))
    return sent


def _fits(name: str, pattern: str) -> bool:
    parents = [name, *(str(parent) for parent in Path(name).parents)]
    return any(fnmatch.fnmatch(x, pattern.replace("**/", "*")) for x in parents if x != ".")


def copy(arguments: str, sent: list[Path], target: Path) -> None:
    """One COPY instruction into ``target``, the image's working directory."""
    *sources, destination = arguments.split()
    for source in sources:
        files = [file for file in sent if file == Path(source) or Path(source) in file.parents]
        if not files:
            sys.exit(f"error: COPY {source}: .dockerignore leaves nothing of it")
        for file in files:
            below = file.relative_to(source) if file != Path(source) else Path(file.name)
            goal = target / destination / below
            goal.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(REPOSITORY / file, goal)


def look_up(command: str) -> None:
    """Check that apt knows the packages which an ``apt-get install`` names."""
    words = re.findall(r"apt-get install ([^&]*)", command)[0].split()
    for package in [word for word in words if not word.startswith("-")]:
        policy = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True)
        found = re.search(r"Candidate: (\d\S*)", policy.stdout)
        if not found:
            sys.exit(f"error: apt has no package {package}; run apt-get update or correct its name")
        print(f"apt: {package} {found[1]}")


def stand_in_index(folder: Path) -> str:
    """A package index with a torch of the pinned version, ``+cpu``, that holds nothing."""
    pinned = [
        line.split(" ;")[0].partition("==")[2]
        for line in (REPOSITORY / "constraints.txt").read_text().splitlines()
        if line.startswith("torch==") and ">= '3.11'" in line
    ]
    version = f"{pinned[0]}+cpu"
    page = folder / "torch"
    page.mkdir(parents=True)
    wheel = page / f"torch-{version}-py3-none-any.whl"
    about = f"torch-{version}.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("torch/__init__.py", "")
        archive.writestr(
            f"{about}/METADATA", f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n"
        )
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{about}/RECORD", "")
    (page / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')
    return folder.as_uri()


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    torch = parser.add_mutually_exclusive_group()
    torch.add_argument("--torch-index", default="", help="address of an index of torch for CPUs")
    torch.add_argument("--stand-in", action="store_true", help="an empty package instead of torch")
    given = parser.parse_args(argv)

    sent = sent_files(REPOSITORY / ".dockerignore")
    with tempfile.TemporaryDirectory(prefix="container-") as name:
        image = Path(name)
        target = image / "virnucpro"
        target.mkdir()
        venv.create(image / "venv", with_pip=True)
        environment = {key: os.environ[key] for key in ("LANG", "HOME") if key in os.environ}
        environment |= {key: x for key, x in os.environ.items() if key.startswith("PIP_")}
        environment["PATH"] = f"{image / 'venv' / 'bin'}:/usr/local/bin:/usr/bin:/bin"
        index = stand_in_index(image / "index") if given.stand_in else given.torch_index
        environment["CPU_TORCH_INDEX"] = index
        for instruction, arguments in instructions(REPOSITORY / "containers" / "Dockerfile"):
            if instruction == "ENV":
                pairs = re.findall(r"(\w+)=(\S+)", arguments)
                environment |= {key: x.replace(IN_IMAGE, str(target)) for key, x in pairs}
            elif instruction == "COPY":
                copy(arguments, sent, target)
            elif instruction == "RUN" and "apt-get" in arguments:
                look_up(arguments)
            elif instruction == "RUN" and "useradd" not in arguments:
                print(f"RUN {arguments}", flush=True)
                subprocess.run(
                    ["/bin/sh", "-c", arguments], cwd=target, env=environment, check=True
                )
        installed = subprocess.run(
            ["pip", "list", "--format=freeze"],
            env=environment,
            cwd=target,
            capture_output=True,
            text=True,
            check=True,
        )
        print(installed.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
