"""Contestants in processes of their own: turns, failures, time-outs, ratios."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from virnucpro_core.benchmarking._embed_report import WorkloadTable
from virnucpro_core.benchmarking._embed_rounds import OURS, Entry, Plan, measure_model
from virnucpro_core.benchmarking._worker_process import WorkerProcess
from virnucpro_core.benchmarking._workloads import SHORT_PROTEINS, VARIED_PROTEINS
from virnucpro_core.errors import VirnucproError

FAKE = str(Path(__file__).with_name("fake_peer.py"))


def command(manner: str) -> list[str]:
    return [sys.executable, FAKE, manner]


def entry(manner: str, name: str | None = None) -> Entry:
    return Entry(name or manner, manner, lambda: command(manner))


def plan(*, patience: float = 1e6, timeout: float = 20.0, said: list[str] | None = None) -> Plan:
    return Plan(4, 2, 1, patience, timeout, (said if said is not None else []).append)


def measure(*entries: Entry, plan: Plan) -> list[WorkloadTable]:
    workloads = [SHORT_PROTEINS, VARIED_PROTEINS]
    ours = entry("ours", OURS)
    return measure_model("m", Path("nowhere"), [ours, *entries], workloads, plan)


def test_contestants_take_turns_and_are_compared_round_by_round() -> None:
    said: list[str] = []
    table, second = measure(entry("steady"), plan=plan(said=said))
    ours, theirs = table.rows
    assert len(ours.seconds) == len(theirs.seconds) == 2
    assert table.ratios(theirs, ours) == pytest.approx([3.0, 3.0])
    assert table.shares(ours) == pytest.approx([1e9 / seconds / 5e9 for seconds in ours.seconds])
    assert (table.linear, table.attention, table.n_tokens) == (10**9, 10**8, 100)
    rounds = [text.split(": round ")[1] for text in said if ": round " in text]
    assert rounds[:4] == ["1 virnucpro fp32", "1 steady fp32", "2 virnucpro fp32", "2 steady fp32"]
    assert second.workload == VARIED_PROTEINS.name


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ("fails-to-load", "cannot be run here: ModuleNotFoundError: No module named 'flash_attn'"),
        ("dies", "failed: ended (code 7, the last thing it said)"),
        ("babbles", "cannot be run here: answered 'loading …', which is not JSON"),
    ],
)
def test_a_contestant_that_fails_is_named_and_the_others_go_on(manner: str, reason: str) -> None:
    for table in measure(entry(manner), entry("steady"), plan=plan()):
        ours, failed, steady = table.rows
        assert failed.reason == reason
        assert failed.seconds == []
        assert len(ours.seconds) == len(steady.seconds) == 2
        assert f"| {manner} |" in str(table)
        assert f"{manner}" in str(table).split("\n\n")[-1]


def test_a_contestant_that_hangs_is_ended_and_named() -> None:
    table, _ = measure(entry("hangs"), entry("steady"), plan=plan(timeout=1.5))
    assert table.rows[1].reason == "failed: gave no answer within 2 s"
    assert len(table.rows[2].seconds) == 2


def test_a_peer_that_cannot_be_installed_is_named() -> None:
    def refuse() -> list[str]:
        raise VirnucproError("-m pip install failed: no such version")

    table, _ = measure(Entry("absent", "absent", refuse), plan=plan())
    assert table.rows[1].reason == "cannot be run here: -m pip install failed: no such version"


def test_a_program_too_slow_for_the_rounds_runs_once_and_is_scaled() -> None:
    first, second = measure(entry("slow"), plan=plan(patience=50.0))
    ours, slow = first.rows
    assert len(slow.seconds) == 1
    assert first.ratios(slow, ours) == pytest.approx([100.0])
    assert "one run of one sequence" in slow.reason
    assert second.rows[1].seconds == []
    assert "1.0 tokens/s on the workload before" in second.rows[1].reason


def test_embeddings_are_compared_to_ours_in_fp32() -> None:
    table, _ = measure(entry("askew"), plan=plan())
    assert [row.cosine for row in table.rows] == pytest.approx([1.0, 2**-0.5])


def test_entries_with_the_same_command_and_options_share_a_process() -> None:
    started: list[str] = []

    def counted() -> list[str]:
        started.append("asked")
        return command("steady")

    twins = [Entry(name, "steady", counted, run={"batch": i}) for i, name in enumerate("ab")]
    table, _ = measure(*twins, plan=plan())
    assert len(started) == 2
    assert table.rows[1].load_seconds == table.rows[2].load_seconds == 0.5
    assert len(table.rows[2].seconds) == 2


def test_a_worker_gets_the_number_of_threads() -> None:
    program = (
        "import json, os; input();"
        "print(json.dumps({'n': [os.environ[k + '_NUM_THREADS'] for k in ('OMP', 'ESM')]}))"
    )
    worker = WorkerProcess([sys.executable, "-c", program], 3)
    assert worker.ask({}, 20.0) == {"n": ["3", "3"]}
    worker.close()


def test_a_contestant_that_needs_files_of_its_own_writes_them_before_it_loads(
    tmp_path: Path,
) -> None:
    contestant = replace(entry("wants-files"), prepare=True)
    ours = entry("ours", OURS)
    (table,) = measure_model("m", tmp_path, [ours, contestant], [SHORT_PROTEINS], plan())
    assert table.rows[1].reason == ""
    assert len(table.rows[1].seconds) == 2
