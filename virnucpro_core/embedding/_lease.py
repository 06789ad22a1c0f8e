"""Leases: embedding tasks on one machine never share a CUDA device, nor the cores of the CPU.

Nextflow's local executor does not know which task has which device, so the tasks settle it among
themselves, with a lock file for each CUDA device and each CPU. A task that is killed leaves nothing
locked.

There is no deadlock. A task that wants one lock holds none while it waits. A task that wants
several keeps those that it has while it waits for the rest, so that narrow tasks cannot starve it;
before that, it queues for every lock that it might take. Queues are locks too, and are taken in the
order of their names, so no two tasks wait for each other's queue. Whoever has been through them is
the only one that gathers among these locks: the others are held by tasks that compute, which wait
for nothing here. Tasks that have no CPU in common have no queue in common either.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from virnucpro_core._limits import available_cpus, usable_cpus
from virnucpro_core.embedding._lock_files import LockDirectory, LockFile
from virnucpro_core.embedding._switches import is_on
from virnucpro_core.errors import UsageError, VirnucproError

__all__ = ["lease_device"]

_DIRECTORY = "VIRNUCPRO_LEASE_DIR"
_SWITCH = "VIRNUCPRO_LEASES"
_VISIBLE = "CUDA_VISIBLE_DEVICES"

_POLL_SECONDS = 0.2
_REPORT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Slot:
    """A CUDA device or a CPU: what one task at a time may have.

    Attributes:
        kind: ``cuda`` or ``cpu``.
        number: of a CUDA device, among those that this process sees; of a CPU, on the machine.
        identity: what it is called on the whole machine, fit for a file name.
    """

    kind: str
    number: int
    identity: str

    @property
    def device(self) -> str:
        """What torch calls it."""
        return "cpu" if self.kind == "cpu" else f"{self.kind}:{self.number}"

    @property
    def file_name(self) -> str:
        return f"{self.kind}-{self.identity}"


def device_uuids() -> list[str | None]:
    """A UUID for every CUDA device that this process sees; None where torch cannot tell."""
    import torch

    if not torch.cuda.is_available():
        return []
    properties = map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
    uuids = (getattr(device, "uuid", None) for device in properties)
    return [None if uuid is None else str(uuid) for uuid in uuids]


def _to_stderr(line: str) -> None:
    # When nobody listens any more, it still waits for its turn.
    with suppress(BrokenPipeError):
        print(f"virnucpro: {line}", file=sys.stderr, flush=True)


@contextmanager
def lease_device(
    name: str,
    *,
    threads: int = 0,
    wait: bool = True,
    directory: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    uuids: Callable[[], Sequence[str | None]] = device_uuids,
    say: Callable[[str], None] = _to_stderr,
) -> Iterator[str]:
    """Have a device to oneself while the block runs, among all that lease on this machine.

    A second lease of the same process waits for the first like any other.

    Args:
        name: ``cuda`` for whichever device is free first, ``cuda:N`` for that one, ``cpu``, or
            ``auto``: ``cuda`` where there is a device, else ``cpu``.
        threads: how many threads will compute on the CPU; 0 for as many as `available_cpus` says.
            As many CPUs are leased, out of those that this process may run on.
        wait: whether to wait until there is something free.
        directory: where the lock files are; None for ``VIRNUCPRO_LEASE_DIR``, or a directory of
            this user's among the temporary files.
        environment: where that variable is looked up, ``VIRNUCPRO_LEASES`` (``off``: every device
            counts as free), and ``CUDA_VISIBLE_DEVICES``, which is never changed.
        uuids: lists the CUDA devices that this process sees.
        say: told at once, and then every minute, what is waited for and who holds it.

    Yields:
        ``cpu``, or ``cuda:N`` with N among the devices that this process sees.

    Raises:
        UsageError: there is no such device.
        VirnucproError: nothing is free, and ``wait`` is False.
        StoreError: the lock files cannot be made or locked. To go on without would share a device
            in silence.
    """
    slots = _slots(name, environment, uuids)
    if not is_on(_SWITCH, environment, default=True):
        yield slots[0].device
        return
    n_wanted = 1
    if slots[0].kind == "cpu":
        cpus = {slot.number for slot in slots}
        n_wanted = min(threads or available_cpus(cpus, environment=environment), len(cpus))
    waiting = _Waiting(f"{n_wanted} of {_named(slots)}", wait, say)
    with ExitStack() as held:
        files = held.enter_context(LockDirectory(directory or _directory(environment)))
        locks = {slot: held.enter_context(files.file(f"{slot.file_name}.lock")) for slot in slots}
        with ExitStack() as queues:
            if n_wanted > 1:
                for slot in sorted(slots, key=lambda slot: slot.file_name):
                    queue = queues.enter_context(files.file(f"{slot.file_name}.queue"))
                    while not queue.take():
                        waiting.pause({slot: queue})
            device = _gather(locks, n_wanted, waiting)
        yield device


def _gather(locks: dict[_Slot, LockFile], n_wanted: int, waiting: _Waiting) -> str:
    """Take ``n_wanted`` of the locks, and return the device of the last."""
    missing = dict(locks)
    while True:
        for slot, lock in list(missing.items()):
            if lock.take():
                del missing[slot]
                if len(locks) - len(missing) == n_wanted:
                    return slot.device
        waiting.pause(missing)


class _Waiting:
    """Waits a moment at a time, and says for what."""

    def __init__(self, wanted: str, wait: bool, say: Callable[[str], None]) -> None:
        self._wanted = wanted
        self._wait = wait
        self._say = say
        self._said: float | None = None

    def pause(self, taken: Mapping[_Slot, LockFile]) -> None:
        """Wait a moment; ``taken`` is what others hold."""
        if not self._wait:
            raise VirnucproError(f"{self._wanted} cannot be had at once: {_held(taken)}")
        now = time.monotonic()
        if self._said is None or now - self._said >= _REPORT_SECONDS:
            self._said = now
            self._say(f"waiting for {self._wanted}: {_held(taken)}")
        time.sleep(_POLL_SECONDS)


def _held(taken: Mapping[_Slot, LockFile]) -> str:
    """Which slots are held by whom, in one line."""
    slots_of: dict[str, list[_Slot]] = {}
    for slot, lock in taken.items():
        slots_of.setdefault(str(lock.holder() or "another process"), []).append(slot)
    return "; ".join(f"{_named(slots)} held by {holder}" for holder, slots in slots_of.items())


def _named(slots: Sequence[_Slot]) -> str:
    """``cpu 0-2,8``, for slots of one kind."""
    ranges: list[list[int]] = []
    for number in sorted(slot.number for slot in slots):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    text = ",".join(f"{low}-{high}" if high > low else f"{low}" for low, high in ranges)
    return f"{slots[0].kind} {text}"


def _slots(
    name: str, environment: Mapping[str, str], uuids: Callable[[], Sequence[str | None]]
) -> list[_Slot]:
    """What ``name`` may mean: at least one slot, all of one kind."""
    wanted = re.fullmatch(r"auto|cpu|cuda(?::(\d+))?", name)
    if wanted is None:
        raise UsageError(f"no device {name!r}", remedy="use auto, cpu, cuda or cuda:N")
    devices = [] if name == "cpu" else _cuda_slots(environment, uuids())
    if name == "cpu" or (name == "auto" and not devices):
        return [_Slot("cpu", cpu, str(cpu)) for cpu in sorted(usable_cpus())]
    if wanted[1] is not None:
        devices = [device for device in devices if device.number == int(wanted[1])]
    if not devices:
        raise UsageError(
            f"device {name} is asked for, but this process sees no such CUDA device",
            remedy="use --device cpu, or check the driver and CUDA_VISIBLE_DEVICES",
        )
    return devices


def _cuda_slots(environment: Mapping[str, str], uuids: Sequence[str | None]) -> list[_Slot]:
    """The visible devices, each with a name that does not depend on what else is visible."""
    entries = [entry.strip() for entry in environment.get(_VISIBLE, "").split(",")]
    slots = []
    for number, uuid in enumerate(uuids):
        entry = entries[number] if number < len(entries) else ""
        # Slices of one card are devices of their own, and all of them may tell the card's UUID.
        identity = entry if entry.startswith("MIG-") else uuid or entry or str(number)
        identity = re.sub(r"^(GPU|MIG)-", "", identity).lower()
        slots.append(_Slot("cuda", number, re.sub(r"[^a-z0-9-]", "_", identity)))
    return slots


def _directory(environment: Mapping[str, str]) -> Path:
    chosen = environment.get(_DIRECTORY)
    return Path(chosen or Path(tempfile.gettempdir()) / f"virnucpro-leases-{os.geteuid()}")
