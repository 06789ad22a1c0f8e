"""Nothing in a file of weights is executed, whatever it is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.models.damaged_pickles import files, programs
from tests.unit.models.hostile_pickles import (
    GOOD_STORAGES,
    STOP,
    executable,
    legacy_file,
    module,
    prepare,
    tensor,
    value,
    zip_file,
)

REPOSITORY = Path(__file__).parents[3]
EXECUTABLE = executable()

# What plain unpickling does: it runs the program that it is given.
UNPICKLE = """
import copyreg, pickle, sys

class Unpickler(pickle.Unpickler):
    def persistent_load(self, name):
        return None

    def find_class(self, module, name):  # importing torch takes seconds and changes nothing here
        if name in ("FloatStorage", "_rebuild_tensor_v2"):
            return list
        return super().find_class(module, name)

copyreg.add_extension("os", "system", 240)
with open(sys.argv[1], "rb") as file:
    Unpickler(file).load()
"""

# Reads every file of a folder, under an audit hook that lets nothing happen but reading them.
READ = """
import json, sys
from pathlib import Path
from virnucpro_core.errors import BundleError
from virnucpro_core.models import read_pickled_tensors

folder, good = Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]]
for path in good:  # what the reader imports while it works is imported now
    read_pickled_tensors(path)
"".encode("raw-unicode-escape")  # what text of protocol 0 is in
paths = sorted(folder.iterdir())
reading, events = [], []

def watch(event, arguments):
    if not reading or event == "builtins.id":
        return
    if event == "open" and str(arguments[0]) == str(reading[0]) and arguments[1] in ("r", "rb"):
        return
    events.append([reading[0].name, event])
    raise SystemError(event)

sys.addaudithook(watch)
outcomes = {}
for path in paths:
    reading[:] = [path]
    try:
        tensors = read_pickled_tensors(path)
        outcomes[path.name] = ["weights", {name: t.tolist() for name, t in tensors.items()}]
    except BundleError as error:
        outcomes[path.name] = ["refused", str(error)]
    except BaseException as error:
        outcomes[path.name] = ["raised", repr(error)]
    finally:
        reading.clear()

# The hook is alive: plain unpickling does not get past it.
import pickle
reading[:] = [Path("control")]
try:
    pickle.loads(b"cos\\nsystem\\n(X\\x05\\x00\\x00\\x00falsetR.")
except SystemError:
    pass
reading.clear()
print(json.dumps({"outcomes": outcomes, "events": events}))
"""


def run(program: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "BROWSER": "true"},
        capture_output=True,
        text=True,
        timeout=300,
    )


def is_touched(folder: Path) -> bool:
    return (folder / "canary").exists() or not (folder / "victim").exists()


def unpickled(folder: Path, program: bytes) -> bool:
    """Whether plain unpickling of ``program`` does what its author wants."""
    folder.mkdir()
    prepare(folder)
    (folder / "program.pkl").write_bytes(program)
    run(UNPICKLE, folder, "program.pkl")
    return is_touched(folder)


def read_all(folder: Path, contents: dict[str, bytes]) -> dict[str, list]:
    """What our reader makes of these files; fails when anything but reading happens."""
    work, hostile = folder / "work", folder / "files"
    for path in (work, hostile):
        path.mkdir()
    prepare(work)
    good = value({"weight": tensor()}) + STOP
    known = {"good.zip": zip_file(good), "good.legacy": legacy_file(good)}
    for name, content in known.items():
        (folder / name).write_bytes(content)
    names = dict(enumerate(contents))
    for number, name in names.items():
        (hostile / f"{number:04}").write_bytes(contents[name])
    done = run(READ, work, str(hostile), *(str(folder / name) for name in known))
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["events"] == [["control", "pickle.find_class"]]
    assert not is_touched(work)
    assert len(report["outcomes"]) == len(contents)
    return {names[int(number)]: outcome for number, outcome in report["outcomes"].items()}


def in_both_formats(name: str, program: bytes) -> dict[str, bytes]:
    # A legacy file lists the storages, so it has none where the program asks for none.
    storages = GOOD_STORAGES if b"Storage" in program else {}
    return {
        f"{name} (zip)": zip_file(program),
        f"{name} (legacy)": legacy_file(program, storages),
    }


def check_refusal(name: str, outcome: list) -> None:
    kind, message = outcome
    assert kind == "refused", f"{name}: {outcome}"
    assert message.isprintable(), name
    assert len(message) < 500, name
    # Where, what, remedy.
    assert "/files/" in message.split(": ")[0], name
    assert ("; get the file" in message) or ("; give a file" in message), name


@pytest.mark.slow
def test_these_programs_run_when_they_are_unpickled(tmp_path: Path) -> None:
    """Else the other tests would prove nothing."""
    with ThreadPoolExecutor(2) as pool:
        folders = {name: tmp_path / str(number) for number, name in enumerate(EXECUTABLE)}
        touched = pool.map(
            lambda name: unpickled(folders[name], EXECUTABLE[name].opcodes + STOP), EXECUTABLE
        )
        assert [name for name, is_run in zip(EXECUTABLE, touched, strict=True) if not is_run] == []


def test_no_program_runs_when_its_file_is_read(tmp_path: Path) -> None:
    contents: dict[str, bytes] = {}
    for name, evil in EXECUTABLE.items():
        places = {
            "alone": evil,
            "beside a state dict": {"args": evil, "model": {"weight": tensor()}},
            "in a state dict": {"weight": tensor(), "evil": evil},
            "in a module": module({"weight": tensor()}, forward=evil),
        }
        for place, item in places.items():
            contents |= in_both_formats(f"{name} {place}", value(item) + STOP)
    outcomes = read_all(tmp_path, contents)
    weights = {"weight": [[0, 1, 2], [3, 4, 5]]}
    for name, outcome in outcomes.items():
        if outcome[0] == "weights":
            assert outcome[1] == weights, name
            assert " beside a state dict" in name or " in a module" in name, name
        else:
            check_refusal(name, outcome)
    # What weights never have is refused wherever it is; the rest is not looked at.
    n_read = sum(outcome[0] == "weights" for outcome in outcomes.values())
    assert n_read > len(EXECUTABLE)
    print(f"{len(EXECUTABLE)} hostile programs in {len(contents)} files, {n_read} with weights")


# A case must be refused for its own fault: names of cases, and a part of their messages.
REASONS = {
    r"no STOP|two objects|open mark|STOP alone": "does not end with one object|is damaged",
    r"of 4 EiB|of 2 GiB|negative length|beyond signed": "is damaged",
    r"million digits": "digits",
    r"million and more": "more than 1000000 opcodes",
    r"^(GET|PUT|MEMOIZE|POP|TUPLE)": "memo has no such place|nothing on the stack",
    r"buffer|persistent id as text": "which weights do not need",
    r"^REDUCE of|^NEWOBJ of": r"it calls a result \(",
    r"^(BUILD|SETITEM|APPEND|ADDITEMS) ": "it uses (BUILD|SETITEMS|APPENDS|ADDITEMS) on ",
    r"(list|dictionary) of itself|(tuples|lists) in each|2\*\*60 tuples": "no state dict",
    r"module in itself|modules in two": "nested without end",
    r"a name (of|that is no)|an empty name": "a name that is no text, or too long",
    r"tensor (beyond|that begins|of a huge)": "beyond its storage",
    r"tensor with a negative": "negative offset, size or stride",
    r"tensor (that repeats|with rows)": "numbers of its storage twice",
    r"more strides|65 dimensions": "does not belong to its strides",
    r"tensor whose|tensor without|of too|of another tensor": "rebuilt from other things",
    r"negated": "has metadata",
    r"with hooks": "has hooks",
    r"not read here|sparse|numpy": r"no state dict in it \('weight': ",
    r"complex|untyped|another library": "which is not read here",
    r"of more numbers|2\*\*60 numbers": "another size than its numbers",
    r"storage of negative": "negative size",
    r"(not there|outside of the archive) \(zip": "not in the archive",
    r"storage (of a size|with a num|with too few|with a view|of another)": "persistent id",
    r"a number between|a (parameter|module) that is none": "is no tensor|is no module",
    r"a parameter of none": "a parameter is rebuilt from other things",
    r"looks like torch|other letters|dotted|subclass": "with no state dict in it;",
    r"two state dicts": "which of its entries is meant",
    r"SETITEMS of|DICT of": "a key has no value",
    r"TorchScript": "a TorchScript program",
    r"two ways": "in two ways",
    r"more in its tensors": "many times larger",
    r"an empty file|HTML|tar archive|plain pickle|safetensors|magic": "no file of torch.save",
    r"path|folder": "leaves the archive's folder",
    r"a link": "is a link",
    r"an entry twice": "two entries of one name",
    r"compressed|bomb": "is compressed",
    r"encrypted": "is encrypted",
    r"cut in its": "damaged ZIP",
    r"lies in another": "lie in each other",
    r"header is elsewhere": "not where it should be",
    r"checksum": "checksum",
    r"big-endian|order of bytes": "not little-endian",
    r"65 MiB": "larger than 64 MiB",
    r"booleans": "neither true nor false",
    r"fewer numbers|cut behind": "cut short",
    r"legacy: (another|a negative|a huge) count": "another size than its numbers",
    r"legacy:.* keys": "list of storages|cut short",
}


def test_damaged_files_are_refused_in_one_line(tmp_path: Path) -> None:
    damaged, contents = programs(), files()
    n_files = len(contents)
    for name, program in damaged.items():
        contents |= in_both_formats(name, program)
    outcomes = read_all(tmp_path, contents)
    for name, outcome in outcomes.items():
        check_refusal(name, outcome)
    for names, reason in REASONS.items():
        found = {name: text for name, (_, text) in outcomes.items() if re.search(names, name)}
        assert found, names
        assert {name: text for name, text in found.items() if not re.search(reason, text)} == {}
    print(f"{len(damaged)} damaged pickles and {n_files} damaged files")
