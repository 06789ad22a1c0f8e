"""What ``-profile slurm`` asks of SLURM, seen from a ``sbatch`` that runs its job at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.running import READS, REPOSITORY, Run, run_pipeline

pytestmark = [pytest.mark.slow, pytest.mark.pipeline]

SBATCH = """\
#!/bin/bash
# Of an array the first task only.
SLURM_ARRAY_TASK_ID=0 bash "$1" &> .command.log
echo "Submitted batch job $$"
"""
QUICK = """\
executor {
    pollInterval = '200 ms'
    queueStatInterval = '1 sec'
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("profile")
    programs = folder / "bin"
    programs.mkdir()
    for name, text in (
        ("sbatch", SBATCH),
        ("squeue", "#!/bin/bash\n"),
        ("scancel", "#!/bin/bash\n"),
    ):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    (folder / "quick.config").write_text(QUICK)
    return folder


def run_slurm(folder: Path, *arguments: str | Path, outdir: str = "results") -> Run:
    path = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
    given = ("-stub-run", "-c", "quick.config", "--input", READS, *arguments)
    return run_pipeline(folder, *given, profile="slurm", outdir=outdir, variables={"PATH": path})


def directives(run: Run, process: str) -> list[str]:
    """The #SBATCH lines of a process's only task, without its name and log."""
    trace = (run.outdir / "pipeline_info" / "trace.txt").read_text().splitlines()
    columns = trace[0].split("\t")
    rows = [dict(zip(columns, line.split("\t"), strict=True)) for line in trace[1:]]
    (work,) = {row["workdir"] for row in rows if row["process"].endswith(process)}
    lines = (Path(work) / ".command.run").read_text().splitlines()
    found = [line.removeprefix("#SBATCH ") for line in lines if line.startswith("#SBATCH ")]
    return [line for line in found if not line.startswith(("-J ", "-o "))]


def test_parameters_reach_sbatch(folder: Path) -> None:
    given = (
        *("--slurm_account", "virology", "--slurm_partition", "short,long"),
        *("--slurm_gres", "gpu:a100:1", "--slurm_time", "1d 2h", "--slurm_cpus", "3"),
        *("--slurm_memory", "12 GB", "--slurm_options=--qos=high --comment='two words'"),
    )
    run = run_slurm(folder, *given)
    assert run.exit_code == 0, run.output
    same = ["--no-requeue", "--signal B:USR2@30", "-t 26:00:00"]
    options = "--qos=high --comment='two words'"
    assert directives(run, "PREPARE") == [
        *same,
        *("--mem 2048M", "-p short,long", options, "-A virology"),
    ]
    assert directives(run, "EMBED_DNA") == [
        *(*same[:2], "-c 3", same[2]),
        # 16 GB would be asked for, the limit is 12.
        *("--mem 12288M", "-p short,long", "--gres=gpu:a100:1", options, "-A virology"),
    ]


def test_without_parameters_slurm_decides(folder: Path) -> None:
    run = run_slurm(folder, outdir="plain")
    assert run.exit_code == 0, run.output
    assert directives(run, "PREPARE") == ["--no-requeue", "--signal B:USR2@30", "--mem 2048M"]
    assert directives(run, "EMBED_PROTEIN") == [
        *("--no-requeue", "--signal B:USR2@30", "-c 8", "--mem 16384M")
    ]


def test_a_process_that_is_no_job_does_not_mind_arrays(folder: Path) -> None:
    run = run_slurm(folder, "--slurm_array", "2", outdir="arrays")
    assert run.exit_code == 0, run.output


def test_the_configuration_of_the_profile(folder: Path) -> None:
    path = os.pathsep.join([str(Path(sys.prefix) / "bin"), os.environ["PATH"]])
    program = shutil.which("nextflow", path=path)
    assert program
    command = [program, "config", REPOSITORY, "-profile", "slurm", "-flat"]
    environment = {**os.environ, "PATH": path, "NXF_OFFLINE": "true"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    for expected in (
        "process.executor = 'slurm'",
        "process.array = 0",
        # Not the cores and the memory of the machine that Nextflow runs on.
        "process.resourceLimits = [cpus:8, memory:'64 GB']",
        "process.'withLabel:embed'.cpus = 8",
        "executor.exitReadTimeout = '2 min'",
        "process.maxRetries = 2147483647",
    ):
        assert expected in lines
