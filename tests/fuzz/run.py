"""Running a case in this process, and what is wrong with how it ended."""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from unittest.mock import patch

import typer.main

from tests.fuzz.expected import Expected
from tests.fuzz.reads import Case, reads_case
from tests.fuzz.tables import parameters_case, sheet_case
from virnucpro_core.cli import _main, main
from virnucpro_core.errors import InputError
from virnucpro_core.sequences import ReadFiles, read_batches
from virnucpro_core.store import RecordTable

# To build the commands takes ten times what most cases take.
_COMMANDS = typer.main.get_command(_main.app)

_ERROR = "virnucpro: error: "
_WARNING = ": warning: "


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a case ended: its number, what it was, the exit code, and what was wrong."""

    number: int
    label: str
    code: int | None
    wrong: tuple[str, ...]


class Output:
    """Standard output and error of this process as files, also for what C code writes."""

    def __init__(self) -> None:
        self._files: list[IO[bytes]] = []
        self._kept: list[int] = []

    def __enter__(self) -> Output:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            # The number, not the stream: a test's runner has streams of its own.
        for descriptor in (1, 2):
            self._kept.append(os.dup(descriptor))
            self._files.append(tempfile.TemporaryFile())
            os.dup2(self._files[-1].fileno(), descriptor)
        self._streams = sys.stdout, sys.stderr
        sys.stdout = open(1, "w", buffering=1, closefd=False)
        sys.stderr = open(2, "w", buffering=1, closefd=False)
        return self

    def __exit__(self, *_: object) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = self._streams
        for descriptor, kept in zip((1, 2), self._kept, strict=True):
            os.dup2(kept, descriptor)
            os.close(kept)

    def texts(self) -> tuple[str, str]:
        """What was written, then forgotten here."""
        found = []
        for file in self._files:
            file.seek(0)
            found.append(file.read().decode(errors="replace"))
            file.close()
        return found[0], found[1]


def make_case(seed: int, number: int, folder: Path) -> Case:
    """The case of a number, with its files in ``folder``."""
    rng = random.Random(f"{seed} {number}")
    make = rng.choices([reads_case, sheet_case, parameters_case], [8, 1, 1])[0]
    return make(rng, folder)


def run_case(seed: int, number: int) -> Outcome:
    """Make a case, run it, and judge it."""
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz_{number}_"))
    try:
        case = make_case(seed, number, folder)
        code: int | None = None
        failure = ""
        with Output() as output, patch.object(_main, "app", _COMMANDS):
            try:
                code = main(list(case.words))
            except BaseException:  # whatever it is: it should have been a line
                failure = traceback.format_exc()
        out, err = output.texts()
        wrong = list(_problems(case.expected, code, out, err, failure))
        if code == 0 and case.expected.is_known and case.reads and not wrong:
            wrong += _differences(case, folder)
        if case.check is not None and not wrong:
            wrong += case.check(code)
        return Outcome(number, case.label, code, tuple(wrong))
    finally:
        shutil.rmtree(folder)


def _problems(expected: Expected, code: int | None, out: str, err: str, failure: str) -> list[str]:
    """What is wrong with the manner of an end."""
    lines = [line for line in err.splitlines() if _WARNING not in line]
    if failure or "Traceback" in err or "Exception ignored" in err:
        return [f"a traceback: {(failure or err).strip().splitlines()[-1]}"]
    if code not in (0, 2):
        return [f"exit code {code}: {err.strip()}"]
    problems = []
    is_one_line = len(lines) == 1 and lines[0].startswith(_ERROR)
    if code == 2 and not is_one_line and "PROBLEM " not in out:
        problems.append(f"no single line: {err!r}")
    if code == 0 and any("error" in line for line in lines):
        problems.append(f"an error that is none: {err!r}")
    if expected.is_known:
        if code == 0 and expected.records is None:
            problems.append("it was taken, and should have been refused")
        if code == 2 and expected.records is not None and not expected.may_refuse:
            problems.append(f"it was refused, and should have been taken: {(err or out).strip()}")
        if code == 0 and expected.warning not in err:
            problems.append(f"no {expected.warning}")
    return problems


def _differences(case: Case, folder: Path) -> list[str]:
    """Where the record table, and what a second reading gives, are not what is expected."""
    records = case.expected.records or ()
    rows = [
        row
        for block in RecordTable.open(folder / "s.records.h5").blocks()
        for row in zip((name.decode() for name in block.ids), block.length.tolist(), strict=True)
    ]
    wanted = [(record.id, len(record.sequence)) for record in records]
    if rows != wanted:
        return [f"{len(rows)} records in the table, {len(wanted)} expected, or others: {rows[:5]}"]
    try:
        batches = list(read_batches(ReadFiles(case.reads, case.paired)))
    except InputError as error:
        return [f"the second reading fails: {error}"]
    found = [
        (name.strip(), sequence, quality)
        for batch in batches
        for name, sequence, quality in zip(
            batch.names, batch.sequences, batch.qualities or [None] * len(batch), strict=True
        )
    ]
    expected = [(r.name.strip(), r.sequence, r.qualities) for r in records]
    if "sam" in case.label.split(":")[0]:  # letters of BAM; qualities are as those before
        expected = [(name, s.upper().replace("U", "T"), None) for name, s, _ in expected]
        found = [(name, sequence, None) for name, sequence, _ in found]
    if found != expected:
        return ["names, sequences or qualities are others than expected"]
    return []
