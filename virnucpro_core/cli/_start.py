"""Where a command starts: what must be settled before any library is imported, and what is said
when one cannot be used.

A ``random.py`` or another numpy in ``PYTHONPATH`` comes before the ones that are meant. So this
module imports only what Python itself has imported by now, and the rest where it is needed.
"""

from __future__ import annotations

import errno
import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["main", "task", "task_of_lines"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        argv: the arguments behind ``virnucpro``; None for those of the process, whose environment
            is then settled for the libraries that will be imported.

    Returns:
        The exit code: 0 ok, 1 unexpected, 2 usage or bad input, 3 store, 4 out of memory, 5 out of
        a device's memory, 143 stopped by SIGTERM or SIGINT with the work saved.
    """

    def run() -> int:
        from virnucpro_core.cli._main import run_line

        code, _error = run_line(argv)
        return code

    return _run(run, owns_process=argv is None)


def task(command: str) -> int:
    """Run the process as a task of the pipeline, which leaves ``versions.yml`` in its folder.

    Args:
        command: that of ``virnucpro``; its arguments are those of the process.

    Returns:
        The exit code (see `main`).
    """

    def run() -> int:
        from virnucpro_core.cli._task import run_task

        return run_task([command, *sys.argv[1:]])

    return _run(run, owns_process=True)


def task_of_lines(lines: Iterable[str] | None = None) -> int:
    """Run command lines as one task, one after the other, up to the first that fails.

    Input that cannot be used costs its sample and no other: of a line with ``--sample NAME`` that
    an `InputError` ends, ``NAME.failure.json`` says why, the later lines of this sample are left
    out, and the others run.

    Args:
        lines: the words behind ``virnucpro``, quoted as a shell takes them; empty lines are
            nothing. None for standard input, and then as for `main`.

    Returns:
        The exit code of the line that ended it (see `main`); else 0, also when samples failed.
    """

    def run() -> int:
        from virnucpro_core.cli._task import run_lines

        return run_lines(sys.stdin if lines is None else lines)

    return _run(run, owns_process=lines is None)


def _run(command: Callable[[], int], *, owns_process: bool) -> int:
    _let_print()
    try:
        if owns_process:
            _settle()
        return command()
    except Exception as error:
        # Errors of ours know theirs; those of a command were told by it.
        code = getattr(error, "exit_code", 3 if isinstance(error, OSError) else 2)
        line = str(error) if hasattr(error, "exit_code") else _refusal(error)
        if line is None:
            raise
    print(f"virnucpro: error: {' '.join(line.split())}", file=sys.stderr)
    return code


def _let_print() -> None:
    """A letter that the terminal does not have, or a byte that is none, is no reason to fail."""
    for stream in (sys.stdout, sys.stderr):
        encoding = getattr(stream, "encoding", None) or ""
        if hasattr(stream, "reconfigure") and (
            encoding.lower() not in ("utf-8", "utf8") or stream.errors == "strict"
        ):
            stream.reconfigure(errors="backslashreplace")


def _settle() -> None:
    """Settle what libraries find when they are imported."""
    from virnucpro_core._limits import available_cpus, usable_cpus

    # By default torch's threads spin for milliseconds while they wait for each other, which makes a
    # small encoder 10 to 20 times slower beside other work on the same cores. Without any spinning
    # it would be half as fast on quiet ones. A user's own choice stays.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "3000")
    # torch, numpy and pyarrow count the CPUs that they see, not those that the task was given.
    cpus = available_cpus()
    if cpus < len(usable_cpus()):
        os.environ.setdefault("OMP_NUM_THREADS", str(cpus))
    # A container's user has no entry in passwd and often no HOME; libraries ask for one when they
    # are imported, to keep files there some day. This is a folder that nobody has.
    if os.path.expanduser("~") == "~":  # noqa: PTH111 - pathlib raises
        os.environ["HOME"] = "/nonexistent"
    # An import makes objects that stay; to look through them after every 700 takes a sixth of the
    # time of importing torch.
    gc.set_threshold(50_000)
    # Processes that tokenise begin with the current folder in their path, until they are told.
    os.environ.setdefault("PYTHONSAFEPATH", "1")


def _refusal(error: Exception) -> str | None:
    """Why the machine or the environment is to blame for an error, and the remedy; else None."""
    if isinstance(error, OSError):
        # tempfile, when none of the folders that it knows will do.
        if str(error).startswith("[Errno 2] No usable temporary directory"):
            return "no folder for temporary files can be written; set TMPDIR to one that can"
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            return f"cannot be written ({error}); free space there, or set TMPDIR to another folder"
        return None
    if isinstance(error, UnicodeEncodeError) and _is_undecodable(error):
        # The word that it is in: what should be written may be a whole document.
        before, after = error.object[: error.start].split(), error.object[error.start :].split()
        name = ascii("".join(before[-1:]) + after[0])[1:-1]
        return (
            f"{name} is no name in UTF-8: rename it (in a locale without UTF-8, set LC_ALL=C.UTF-8)"
        )
    # What was raised first; numpy, for one, puts a page of advice around it.
    first: BaseException = error
    while first.__cause__ is not None:
        first = first.__cause__
    what = f"{type(first).__name__}: {first}"
    foreign = dict(_foreign_modules(error))
    if foreign:
        named = ", ".join(f"{name} comes from {path}" for name, path in foreign.items())
        return (
            f"{what}; {named}, not from this environment ({sys.prefix}): leave that folder out of "
            "PYTHONPATH, or rename the file"
        )
    if isinstance(error, Warning):
        return f"{what}; PYTHONWARNINGS makes an error of this warning: unset it"
    unmet = _unmet()
    if unmet:
        return f"{what}; {'; '.join(unmet)}: run 'make setup', or pip install virnucpro-core again"
    if isinstance(error, ImportError) and not (error.name or "").startswith("virnucpro_core"):
        libraries = os.environ.get("LD_LIBRARY_PATH")
        if libraries:
            return f"{what}; unset LD_LIBRARY_PATH ({libraries}) if a library there is not meant"
        return f"{what}; a package is broken: run 'make setup', or pip install it again"
    return None


def _is_undecodable(error: UnicodeEncodeError) -> bool:
    """Whether it is of the letters that stand for bytes of a name which could not be read."""
    return all("\udc80" <= letter <= "\udcff" for letter in error.object[error.start : error.end])


def _foreign_modules(error: Exception) -> Iterator[tuple[str, str]]:
    """Modules that were taken from a folder before Python's own, in the place of one of these.

    Yields:
        Their names, and the files or folders that they are in.
    """
    own = os.path.dirname(os.__file__)  # noqa: PTH120
    if own not in sys.path:
        return
    at = sys.path.index(own)
    behind = {name.partition(".")[0] for folder in sys.path[at + 1 :] for name in _names_in(folder)}
    wanted = (getattr(error, "name", None) or "").partition(".")[0]
    passed = set()
    trace = error.__traceback__
    while trace is not None:
        passed.add(trace.tb_frame.f_code.co_filename)
        trace = trace.tb_next
    project = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
    for folder in sys.path[:at]:
        # Of a checkout the tests and folders of the same names as some package are meant.
        if os.path.abspath(folder) == project:  # noqa: PTH100
            continue
        for name in _names_in(folder):
            module = name.partition(".")[0]
            if module not in sys.stdlib_module_names and module not in behind:
                continue
            path = os.path.join(folder or os.getcwd(), name)  # noqa: PTH118, PTH109
            loaded = getattr(sys.modules.get(module), "__file__", None) or ""
            files = {loaded, *passed}
            if any(file == path or file.startswith(path + os.sep) for file in files) or (
                module == wanted and module not in sys.modules
            ):
                yield module, path


def _names_in(folder: str) -> list[str]:
    try:
        return [name for name in os.listdir(folder or ".") if name[0] != "."]  # noqa: PTH208
    except OSError:
        return []  # an archive, or a folder that is not there


def _unmet() -> list[str]:
    try:
        from virnucpro_core._requirements import unmet_requirements

        return unmet_requirements()
    except ImportError:
        return []  # of packaging itself, or this project is not installed: nothing tells
