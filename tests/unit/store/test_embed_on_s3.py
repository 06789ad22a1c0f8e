"""``virnucpro embed`` with its parts on S3: faults that pass, and a server that goes away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("s3fs", reason="needs s3fs")
pytest.importorskip("moto", reason="needs moto[server]")

from tests.bundles import WINDOW_SIZE, make_bundle
from tests.unit.store.faulty_proxy import Exchange, FaultyProxy, error_answer, reset_in_request
from virnucpro_core.cli import main
from virnucpro_core.store import list_checkpoints, open_store

READS = Path(__file__).parents[2] / "data" / "reads.fasta"


def run(*words: object) -> int:
    return main([str(word) for word in words])


def test_a_server_that_goes_away_costs_what_was_not_committed(
    tmp_path: Path,
    proxy: FaultyProxy,
    prefix: str,
    capsys: pytest.CaptureFixture[str],
    count_faults: Callable[[int, str], None],
) -> None:
    make_bundle(tmp_path / "model")
    sample = ("--sample", "s", "--window-size", WINDOW_SIZE, "--outdir", tmp_path)
    assert run("prepare", READS, *sample) == 0
    shard = tmp_path / "shards" / "s.shard_00001.h5"
    embed = ("embed", shard, "--encoder", "dna", "--model", tmp_path / "model")
    embed = (*embed, "--precision", "fp32", "--token-budget", 400)
    assert run(*embed, "--output", tmp_path / "undisturbed.h5") == 0

    kept = (*embed, "--output", tmp_path / "e.h5", "--checkpoint-dir", prefix, "--part-seconds", 0)

    def stop_server(exchange: Exchange) -> None:
        exchange.read_half_of_body()
        proxy.stop()
        exchange.reset()

    # The manifest and the first part come through after faults; in the third part all is over.
    proxy.harm("PUT", error_answer(503, "SlowDown"), reset_in_request, error_answer(500, "Oops"))
    proxy.harm("PUT", Exchange.pass_on, Exchange.pass_on)
    proxy.harm("PUT", stop_server)
    capsys.readouterr()
    assert run(*kept) == 3
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert "S3 cannot be reached" in errors

    proxy.start()
    (summary,) = list_checkpoints(open_store(prefix))
    assert summary.n_parts > 0
    assert run(*kept) == 0
    shown = capsys.readouterr()
    assert "by an earlier attempt" in shown.out
    assert shown.err == ""
    assert (tmp_path / "e.h5").read_bytes() == (tmp_path / "undisturbed.h5").read_bytes()
    assert run("doctor", "checkpoints", "--checkpoint-dir", prefix, "--verify") == 0
    assert run("doctor", "checkpoints", "--checkpoint-dir", prefix, "--remove", summary.key) == 0
    assert list_checkpoints(open_store(prefix)) == []
    count_faults(4, "the run went on from its parts")
