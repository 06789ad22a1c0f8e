"""What is decided after each kind of failure, asked for without running a task."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.running import REPOSITORY, run_pipeline

pytestmark = [pytest.mark.slow, pytest.mark.pipeline]

SCRIPT = """
// The decision after each of these attempts of a task that gets this much memory.
def decide(name, memory, limit, attempts) {
    def ext = [:]
    def decisions = attempts.withIndex().collect { ending, index ->
        def task = [
            process: 'P', index: 1, ext: ext, attempt: index + 1, memory: memory,
            workDir: workflow.launchDir.resolve(name),
            resourceLimits: limit ? [memory: limit] : null,
            exitStatus: ending instanceof List ? ending[0] : ending,
            previousException: ending instanceof List ? new RuntimeException('', ending[1]) : null,
        ]
        // Asked twice, an attempt still counts once.
        Retries.afterFailure(task, 0)
        Retries.afterFailure(task, 0)
    }
    println("${name}: ${decisions.join(' ')}, factor ${ext.memory_factor}")
}

workflow {
    def none = Integer.MAX_VALUE
    decide('gone', 1.GB, null, [none, null, -1, none, none, none])
    decide('not submitted', 1.GB, null, (1..5).collect { [none, new IOException('no sbatch')] })
    def lost = new Exception('Host EC2 (i-1) terminated')
    decide('host lost', 1.GB, null, (1..5).collect { [none, lost] })
    decide('same memory', 1.GB, null, [4, 4, 4, 4, 4, 4])
    decide('no memory', null, null, [4, 4, 4, 4])
    decide('at the limit', 2.GB, '2 GB', [4, 4, 4, 4])
    decide('unfinished', 1.GB, null, [0, 0, 0, 0, 0])
    file('begun/stages').mkdirs()
    file('begun/versions.yml').text = ''
    decide('begun', 1.GB, null, [0, 0, 0, 0, 0])
    file('finished/stages').mkdirs()
    file('finished/stages/EMBED.tsv').text = ''
    file('finished/versions.yml').text = ''
    decide('finished', 1.GB, null, [0, 0, 0, 0, 0])
    decide('killed', 2.GB, '2 GB', [137, 137, 137, 137, 137])

    System.clearProperty('virnucpro.last_wait')
    def waited = ['a 1', 'b 1', 'a 1'].collect { name ->
        Retries.waitBeforeRetry(name, 1, 2)
        System.getProperty('virnucpro.last_wait')
    }
    def names = waited.collect { wait -> wait.split(' ', 2)[1] }
    println("waits: ${names.join(' ')}, ${waited.toSet().size()} of them")
}
"""


def test_decisions(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "main.nf").write_text(SCRIPT)
    run = run_pipeline(tmp_path, "-lib", REPOSITORY / "lib", project=project, profile=None)
    assert run.exit_code == 0, run.output
    again = "retry retry retry"
    for line in (
        f"gone: {again} {again}, factor 1",
        f"not submitted: {again} finish finish, factor 1",
        f"host lost: {again} retry retry, factor 1",
        # The second attempt shows that there was no more to be had.
        f"same memory: {again} retry finish finish, factor 7",
        f"no memory: {again} finish, factor 5",
        f"at the limit: {again} finish, factor 5",
        # Exit status 0 in an array; and 0 of a task whose output is not what it should be.
        f"unfinished: {again} retry retry, factor 1",
        f"begun: {again} retry retry, factor 1",
        f"finished: {again} finish finish, factor 1",
        f"killed: {again} retry retry, factor 6",
        # While one task has just waited no other does; the same task waits again.
        "waits: a 1 a 1 a 1, 2 of them",
    ):
        assert line in run.output.splitlines(), run.output
