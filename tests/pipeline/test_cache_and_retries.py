"""When tasks run again: after a change of code, a lost machine, a fault; never after bad input.

These runs use the stubs: only Nextflow's own part is under test.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.pipeline.running import READS, Run, copy_project, read_table, run_pipeline

pytestmark = [pytest.mark.slow, pytest.mark.pipeline]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = copy_project(tmp_path / "the project")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "bundle.json").write_text(json.dumps({"window_size": 300}))
    return project


def stub_run(
    project: Path, *arguments: str, reads: str | Path = READS, model: str = "model"
) -> Run:
    given = ("-stub-run", "--input", reads, "--model", model, *arguments)
    return run_pipeline(project.parent, *given, project=project, profile=None)


def end_attempts_of_classify(project: Path, *exit_codes: int) -> None:
    """Let the stub of CLASSIFY end with these codes, one for each attempt, and then succeed."""
    attempts = project.parent / "attempts"
    attempts.write_text("")
    codes = " ".join(map(str, exit_codes))
    command = (
        f'echo x >> "{attempts}"; codes=(0 {codes}); '
        f'exit_code=\\${{codes[\\$(wc -l < "{attempts}")]:-0}}; '
        "[ \\$exit_code = 0 ] || exit \\$exit_code"
    )
    module = project / "modules" / "classify.nf"
    before, stub, after = module.read_text().partition('stub:\n    """\n')
    module.write_text(f"{before}{stub}    {command}\n{after}")


def limit_of(project: Path, gigabytes: int) -> Path:
    """A configuration for a machine with this much memory."""
    config = project.parent / "limit.config"
    config.write_text(f"process.resourceLimits = [memory: {gigabytes}.GB]\n")
    return config


def classified(run: Run) -> list[tuple[str, int]]:
    """``(exit code, GB of memory)`` of every attempt of CLASSIFY, in order."""
    rows = read_table(run.outdir / "pipeline_info" / "trace.txt")
    own = [row for row in rows if row["process"].endswith("CLASSIFY")]
    own.sort(key=lambda row: int(row["attempt"]))
    return [(row["exit"], round(int(row["memory"]) / 2**30)) for row in own]


def test_changed_code_runs_everything_again(project: Path) -> None:
    assert stub_run(project).exit_code == 0
    same = stub_run(project, "-resume")
    assert {status for _, status in same.tasks()} == {"CACHED"}

    errors = project / "virnucpro_core" / "errors.py"
    errors.write_text(errors.read_text() + "# changed\n")
    changed = stub_run(project, "-resume")
    assert {status for _, status in changed.tasks()} == {"COMPLETED"}
    assert len(changed.tasks()) == len(same.tasks()) == 8


def test_another_model_in_the_same_place_is_noticed(project: Path) -> None:
    assert stub_run(project).exit_code == 0
    description = project.parent / "model" / "bundle.json"
    description.write_text(json.dumps({"window_size": 300, "name": "another"}))
    run = stub_run(project, "-resume")
    assert run.exit_code == 0, run.output
    statuses = run.statuses()
    # The windows are the same, so the shards are.
    assert statuses.pop("PREPARE") == {"CACHED"}
    assert len(statuses) == 7
    assert set(map(frozenset, statuses.values())) == {frozenset({"COMPLETED"})}


def test_keeping_checkpoints_elsewhere_runs_nothing_again(project: Path) -> None:
    assert stub_run(project).exit_code == 0
    elsewhere = ("--checkpoint_dir", "else where", "--part_seconds", "5")
    run = stub_run(project, "-resume", *elsewhere)
    assert run.exit_code == 0, run.output
    # Only run.json, which tells the command line, and what is made of it are written again.
    reports = {"REPORT", "RUN_REPORT"}
    assert {name for name, status in run.tasks() if status != "CACHED"} == reports


def test_a_lost_machine_is_replaced_as_often_as_it_takes(project: Path) -> None:
    end_attempts_of_classify(project, 143, 143, 140, 143, 140, 143, 143, 143)
    run = stub_run(project, "--preemption_wait", "0")
    assert run.exit_code == 0, run.output
    attempts = classified(run)
    assert len(attempts) == 9
    assert attempts[-1][0] == "0"
    # No machine was lost for want of memory.
    assert {memory for _, memory in attempts} == {2}


def test_each_cause_has_a_limit_of_its_own(project: Path) -> None:
    end_attempts_of_classify(project, 143, 4, 1, 137, 143, 1, 143, 1)
    run = stub_run(project, "--preemption_wait", "0", "-c", limit_of(project, 16))
    assert run.exit_code == 0, run.output
    # Memory doubles after exit 4, and after 137, which may be the kernel's out-of-memory killer.
    expected = [("143", 2), ("4", 2), ("1", 4), ("137", 4)]
    expected += [(code, 8) for code in ("143", "1", "143", "1", "0")]
    assert classified(run) == expected


def test_losses_end_without_progress_and_cost_their_own_sample(project: Path) -> None:
    """CLASSIFY of one sample is killed each time; EMBED_DNA is, too, but finds more parts."""
    for name in ("killed", "other"):
        shutil.copy(READS, project.parent / f"{name}.fasta")
    sheet = "sample,file\nkilled,killed.fasta\nother,other.fasta\n"
    (project.parent / "sheet.csv").write_text(sheet)
    module = project / "modules" / "classify.nf"
    before, stub, after = module.read_text().partition('stub:\n    """\n')
    kill = "[ ${meta.id} != killed ] || kill -KILL \\$\\$"
    module.write_text(f"{before}{stub}    {kill}\n{after}")
    module = project / "modules" / "embed.nf"
    before, stub, after = module.read_text().partition('    touch ${shards.collect { shard -> "${s')
    attempts = project.parent / "attempts.${meta.shard}.${encoder}"
    lose = (
        f'echo x >> "{attempts}"; n=\\$(wc -l < "{attempts}"); '
        'echo "key \\$n" > x.${encoder}.checkpoint; '
        "[ ${encoder} != dna ] || [ \\$n -gt 11 ] || exit 143"
    )
    module.write_text(f"{before}    {lose}\n{stub}{after}")
    options = ("--preemption_wait", "0", "--group_samples", "1", "-c", limit_of(project, 5))
    run = stub_run(project, *options, reads="sheet.csv")
    assert run.exit_code != 0
    rows = read_table(run.outdir / "pipeline_info" / "trace.txt")
    embedded = [row["exit"] for row in rows if row["process"].endswith("EMBED_DNA")]
    assert sorted(embedded) == ["0", "0", *(22 * ["143"])]
    killed = [row for row in rows if row["tag"].startswith("killed") and "CLASS" in row["process"]]
    assert [(row["exit"], row["status"]) for row in killed] == 10 * [("137", "FAILED")]
    told = [line for line in run.output.splitlines() if line.startswith("CLASSIFY (killed")]
    assert len(told) == 1, run.output
    assert "10 times without progress between, exit codes 137 (10 times), the last time" in told[0]
    assert "with 5 GB; if it needs more memory, raise the most that a task may have: " in told[0]
    assert {row["tag"] for row in rows if row["process"].endswith("REPORT")} == {"other", "-"}
    assert run.count("PRUNE") == 0


def test_bad_input_is_never_tried_again(project: Path) -> None:
    end_attempts_of_classify(project, 143, 2)
    run = stub_run(project, "--preemption_wait", "0")
    assert run.exit_code != 0
    assert [code for code, _ in classified(run)] == ["143", "2"]


def test_what_waits_for_all_samples_does_not_run_when_one_has_failed(project: Path) -> None:
    """Channels end when a task has failed; its checkpoints must outlive it all the same."""
    end_attempts_of_classify(project, 3)
    (project.parent / "go_on.config").write_text(
        "process { withName: CLASSIFY { errorStrategy = 'ignore' } }\n"
    )
    run = stub_run(project, "-c", "go_on.config")
    assert run.statuses()["CLASSIFY"] == {"FAILED"}
    assert run.statuses().keys() == {"PREPARE", "EMBED_DNA", "EMBED_PROTEIN", "CLASSIFY"}


def test_a_name_finds_a_bundled_model(project: Path) -> None:
    bundle = project / "assets" / "models" / "small"
    bundle.mkdir(parents=True)
    (bundle / "bundle.json").write_text(json.dumps({"window_size": 300}))
    run = stub_run(project, model="small")
    assert run.exit_code == 0, run.output
