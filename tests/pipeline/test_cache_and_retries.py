"""When tasks run again: after a change of code, a lost machine, a fault; never after bad input.

These runs use the stubs: only Nextflow's own part is under test.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pipeline.running import READS, Run, copy_project, run_pipeline

pytestmark = [pytest.mark.slow, pytest.mark.pipeline]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = copy_project(tmp_path / "the project")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "bundle.json").write_text(json.dumps({"window_size": 300}))
    return project


def stub_run(project: Path, *arguments: str, profile: str | None = None) -> Run:
    given = ("-stub-run", "--input", READS, "--model", "model", *arguments)
    return run_pipeline(project.parent, *given, project=project, profile=profile)


def fail_in_classify(project: Path, command: str) -> None:
    """Put a command at the beginning of the stub of CLASSIFY."""
    module = project / "modules" / "classify.nf"
    before, stub, after = module.read_text().partition('stub:\n    """\n')
    module.write_text(f"{before}{stub}    {command}\n{after}")


def test_changed_code_runs_everything_again(project: Path) -> None:
    assert stub_run(project).exit_code == 0
    same = stub_run(project, "-resume")
    assert {status for _, status in same.tasks()} == {"CACHED"}

    errors = project / "virnucpro_core" / "errors.py"
    errors.write_text(errors.read_text() + "# changed\n")
    changed = stub_run(project, "-resume")
    assert {status for _, status in changed.tasks()} == {"COMPLETED"}
    assert len(changed.tasks()) == len(same.tasks()) == 6


def test_another_model_in_the_same_place_is_noticed(project: Path) -> None:
    assert stub_run(project).exit_code == 0
    description = project.parent / "model" / "bundle.json"
    description.write_text(json.dumps({"window_size": 300, "name": "another"}))
    run = stub_run(project, "-resume")
    assert run.exit_code == 0, run.output
    statuses = run.statuses()
    # The windows are the same, so the shards are.
    assert statuses.pop("PREPARE") == {"CACHED"}
    assert len(statuses) == 5
    assert set(map(frozenset, statuses.values())) == {frozenset({"COMPLETED"})}


def test_a_lost_machine_is_replaced_more_often_than_a_fault_is_retried(project: Path) -> None:
    # The first five attempts end as when a scheduler takes the node away.
    tries = project.parent / "tries"
    tries.write_text("")
    fail_in_classify(
        project,
        f'if [ "\\$(wc -l < "{tries}")" -lt 5 ]; then echo x >> "{tries}"; exit 143; fi',
    )
    run = stub_run(project)
    assert run.exit_code == 0, run.output
    assert [s for p, s in run.tasks() if p == "CLASSIFY"] == ["COMPLETED"] + 5 * ["FAILED"]


def test_a_fault_is_tried_three_times_more(project: Path) -> None:
    fail_in_classify(project, "exit 1")
    run = stub_run(project)
    assert run.exit_code != 0
    assert [s for p, s in run.tasks() if p == "CLASSIFY"] == 4 * ["FAILED"]
    assert run.count("CONSENSUS") == 0


def test_bad_input_is_never_tried_again(project: Path) -> None:
    fail_in_classify(project, "exit 2")
    run = stub_run(project)
    assert run.exit_code != 0
    assert [s for p, s in run.tasks() if p == "CLASSIFY"] == ["FAILED"]


def test_a_name_finds_a_bundled_model(project: Path) -> None:
    bundle = project / "assets" / "models" / "small"
    bundle.mkdir(parents=True)
    (bundle / "bundle.json").write_text(json.dumps({"window_size": 300}))
    run = stub_run(project, "--model", "small")
    assert run.exit_code == 0, run.output
