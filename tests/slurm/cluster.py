"""A SLURM for one test: a controller and two nodes on this host, without systemd."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

NODES = ("n1", "n2")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "sinfo")

CONFIGURATION = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
ProctrackType=proctrack/{proctrack}
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0
ReturnToService=2
KillWait=5
SlurmdTimeout=10
GresTypes=gpu
SlurmdParameters=config_overrides
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
NODE = """\
NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory=4000 Gres=gpu:1
"""


def why_not() -> str | None:
    """Why no cluster can be started here, or None."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent:
        return f"{', '.join(absent)} not installed (Debian: slurm-wlm, munge)"
    if os.geteuid() != 0:
        return "SLURM's daemons need root"
    return None


@dataclass(frozen=True, slots=True)
class Job:
    """A row of ``squeue``.

    Attributes:
        id: as SLURM prints it, ``12`` or, in an array, ``12_0``.
        number: the same without an array: what the job itself sees.
        state: its short code: ``PD``, ``R``, ``CG`` ...
        name: ``nf-`` and Nextflow's name of the task.
        node: where it runs; empty while it waits.
        gres: the devices that it asked for.
    """

    id: str
    number: str
    state: str
    name: str
    node: str
    gres: str


class Cluster:
    """Daemons in the foreground, ended on exit; logs and state lie in ``folder``.

    Args:
        folder: an empty folder with a short path: a socket's must not exceed 107 characters.
        proctrack: how SLURM knows the processes of a job: ``linuxproc``, ``pgid`` or ``cgroup``.
    """

    def __init__(self, folder: Path, proctrack: str) -> None:
        self.folder = folder
        self._daemons = ExitStack()
        self._nodes: dict[str, subprocess.Popen[bytes]] = {}
        configuration = folder / "slurm.conf"
        self.environment: Mapping[str, str] = {"SLURM_CONF": str(configuration)}
        host = socket.gethostname().split(".")[0]
        controller_port, *ports = free_ports(1 + len(NODES))
        text = CONFIGURATION.format(
            host=host, controller_port=controller_port, folder=folder, proctrack=proctrack
        )
        for name, port in zip(NODES, ports, strict=True):
            text += NODE.format(name=name, host=host, port=port)
        configuration.write_text(text)
        (folder / "gres.conf").write_text("NodeName=n[1-2] Name=gpu File=/dev/null\n")
        (folder / "cgroup.conf").write_text(
            "CgroupMountpoint=/sys/fs/cgroup\nCgroupAutomount=no\nCgroupPlugin=cgroup/v1\n"
        )
        (folder / "state").mkdir()
        key = folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)

    def __enter__(self) -> Cluster:
        with ExitStack() as started:
            started.push(self)
            self._start(
                "munged",
                *("--foreground", "--force"),
                f"--key-file={self.folder}/munge.key",
                f"--socket={self.folder}/munge.socket",
                f"--pid-file={self.folder}/munge.pid",
                f"--log-file={self.folder}/munge.log",
                f"--seed-file={self.folder}/munge.seed",
            )
            wait_until((self.folder / "munge.socket").exists, "munged to listen")
            self._start("slurmctld", "-D", "-c")
            for name in NODES:
                self.start_node(name)
            wait_until(self._idle_nodes, "idle nodes")
            started.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(AssertionError):
            self.run("scancel", "--user=root")
            wait_until(lambda: not self.jobs(), "jobs to end", seconds=15)
        kill(self.processes())
        self._daemons.close()

    def start_node(self, name: str) -> None:
        self._nodes[name] = self._start("slurmd", "-D", "-N", name)

    def kill_daemon(self, name: str) -> None:
        """SIGKILL to a node's daemon; the jobs on the node do not notice."""
        self._nodes[name].kill()
        self._nodes[name].wait()

    def power_off(self, name: str) -> None:
        """Everything on a node is gone at once."""
        self.kill_daemon(name)
        jobs = self.processes(SLURMD_NODENAME=name)
        # What watches over a job goes first, or it would report the end.
        watchers = {
            parent for process in jobs if program_of(parent := parent_of(process)) == "slurmstepd"
        }
        kill([*watchers, *jobs])

    def run(self, *command: str) -> str:
        """What a command of SLURM prints."""
        done = subprocess.run(
            command,
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}"
        return done.stdout

    def jobs(self) -> list[Job]:
        """The jobs that wait, run or are being ended."""
        rows = self.run("squeue", "-h", "-r", "-o", "%i|%A|%t|%j|%N|%b").splitlines()
        return [Job(*row.split("|")) for row in rows]

    def programs(self, job: Job, name: str) -> list[int]:
        """The processes of a job that run a program of this name."""
        found = []
        for process in self.processes(SLURM_JOB_ID=job.number):
            with suppress(OSError):
                words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
                if any(Path(word.decode()).name == name for word in words[:2]):
                    found.append(process)
        return found

    def processes(self, **variables: str) -> list[int]:
        """The processes of this cluster's jobs that have these environment variables."""
        wanted = {
            f"{name}={value}".encode() for name, value in {**self.environment, **variables}.items()
        }
        found = []
        for folder in Path("/proc").iterdir():
            with suppress(ValueError, OSError):
                process = int(folder.name)
                present = set((folder / "environ").read_bytes().split(b"\0"))
                # The daemons have the variable as well, but not that of a job.
                job = any(entry.startswith(b"SLURM_JOB_ID=") for entry in present)
                if wanted <= present and job:
                    found.append(process)
        return found

    def _idle_nodes(self) -> bool:
        try:
            states = self.run("sinfo", "-h", "-N", "-o", "%t").split()
        except AssertionError:
            # The controller does not listen yet.
            return False
        return states == ["idle"] * len(NODES)

    def _start(self, *command: str) -> subprocess.Popen[bytes]:
        log = self._daemons.enter_context((self.folder / f"{command[0]}.log").open("ab"))
        daemon = subprocess.Popen(
            command,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self._daemons.callback(end, daemon)
        return daemon


def end(daemon: subprocess.Popen[bytes]) -> None:
    daemon.terminate()
    try:
        daemon.wait(timeout=10)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def kill(processes: Iterable[int], number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to those of the processes that are still there."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, number)


def parent_of(process: int) -> int:
    """The parent of a process; 0 when it has ended."""
    with suppress(OSError):
        status = Path(f"/proc/{process}/status").read_text()
        return int(status.partition("\nPPid:")[2].split()[0])
    return 0


def cpu_seconds(process: int) -> float:
    """The time that a process has computed for, with the kernel's; 0 when it has ended."""
    with suppress(OSError):
        # The name of the program, in parentheses, may hold spaces.
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def program_of(process: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{process}/comm").read_text().strip()
    return ""


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nobody listens on."""
    with ExitStack() as open_sockets:
        ports = []
        for _ in range(count):
            listener = open_sockets.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            ports.append(listener.getsockname()[1])
        return ports


def wait_until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Return once ``condition`` holds; fail after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.2)
