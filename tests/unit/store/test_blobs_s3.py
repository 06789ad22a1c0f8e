"""Checkpoints on an S3 that fails: a fault that passes costs a try, one that lasts is one error."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("s3fs", reason="needs s3fs")
pytest.importorskip("moto", reason="needs moto[server]")

from tests.unit.store import faulty_proxy as faults
from tests.unit.store.conftest import BUCKET
from tests.unit.store.faulty_proxy import Exchange, Fault, FaultyProxy
from virnucpro_core.errors import StoreError
from virnucpro_core.store import open_store
from virnucpro_core.store._s3_store import Patience, S3Store

CountFaults = Callable[[int, str], None]

# As many tries as users get; pauses short, so that the tests are.
PATIENCE = Patience(first_pause=0.01, connect_timeout=2.0, read_timeout=10.0, total=30.0)
TRIES = PATIENCE.tries

DATA = bytes(range(256)) * 2000

# Puts a blob when it is told to; ends at SIGTERM as the pipeline's tasks do.
WRITER = """
import signal, sys
from virnucpro_core.store import open_store

signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
location, name = sys.argv[1:]
store = open_store(location)
sys.stdin.readline()
store.put(name, b"new" * 100_000)
"""


@pytest.fixture(autouse=True)
def never_hang() -> Iterator[None]:
    """Ends a test whose store waits without end."""

    def stop(*_: object) -> None:
        raise AssertionError("the store is still waiting after a minute")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def store_at(prefix: str, **changes: float) -> S3Store:
    return S3Store(BUCKET, prefix.split("/", 3)[3], patience=replace(PATIENCE, **changes))


@pytest.fixture
def store(proxy: FaultyProxy, prefix: str) -> S3Store:
    """A store of this test's own behind the proxy, with one blob in it."""
    del proxy
    store = store_at(prefix)
    store.put("key/old", DATA)
    return store


SLOW_DOWN = faults.error_answer(503, "SlowDown")
INTERNAL_ERROR = faults.error_answer(500, "InternalError")

PASSING: dict[str, list[Fault]] = {
    "slow-down": [SLOW_DOWN] * (TRIES - 1),
    "internal-error": [INTERNAL_ERROR] * (TRIES - 1),
    "bad-gateway": [faults.bare_answer(502)] * (TRIES - 1),
    "unavailable": [faults.bare_answer(503)] * 2,
    "reset-in-request": [faults.reset_in_request] * (TRIES - 1),
    "reset-before-answer": [faults.reset_before_answer] * 2,
    "mixed": [SLOW_DOWN, faults.reset_in_request, INTERNAL_ERROR, faults.reset_before_answer],
}
PASSING_FOR_GET: dict[str, list[Fault]] = {
    "reset-in-answer": [faults.reset_in_answer] * (TRIES - 1),
    "truncated-answer": [faults.truncated_answer] * (TRIES - 1),
    "bit-of-answer-flipped": [faults.flip_bit_of_answer] * 2,
}


@pytest.mark.parametrize("name", PASSING)
def test_a_put_survives(
    store: S3Store, proxy: FaultyProxy, name: str, count_faults: CountFaults
) -> None:
    proxy.harm("PUT", *PASSING[name])
    store.put("key/new", DATA[::-1])
    assert proxy.injected == len(PASSING[name])
    assert store.get("key/new") == DATA[::-1]
    assert [blob.name for blob in store.list()] == ["key/new", "key/old"]
    count_faults(proxy.injected, "survived")


@pytest.mark.parametrize("name", PASSING | PASSING_FOR_GET)
def test_a_get_survives(
    store: S3Store, proxy: FaultyProxy, name: str, count_faults: CountFaults
) -> None:
    chosen = (PASSING | PASSING_FOR_GET)[name]
    proxy.harm("GET", *chosen)
    assert store.get("key/old") == DATA
    assert proxy.injected == len(chosen)
    count_faults(proxy.injected, "survived")


@pytest.mark.parametrize("name", ["bad-gateway", "mixed", "truncated-answer", "reset-in-answer"])
def test_a_list_and_a_delete_survive(
    store: S3Store, proxy: FaultyProxy, name: str, count_faults: CountFaults
) -> None:
    chosen = (PASSING | PASSING_FOR_GET)[name]
    proxy.harm("GET", *chosen)
    assert [(blob.name, blob.size) for blob in store.list()] == [("key/old", len(DATA))]
    proxy.harm("POST", *chosen)
    store.delete(["key/old"])
    assert proxy.injected == 2 * len(chosen)
    assert store.get("key/old") is None
    count_faults(proxy.injected, "survived")


@pytest.mark.parametrize("fault", [faults.silence, faults.stall_in_answer])
def test_a_server_that_falls_silent_is_asked_again(
    proxy: FaultyProxy, prefix: str, fault: Fault, count_faults: CountFaults
) -> None:
    store = store_at(prefix, read_timeout=1.0)
    store.put("key/old", DATA)
    proxy.harm("GET", fault)
    assert store.get("key/old") == DATA
    proxy.harm("PUT", faults.silence)
    store.put("key/new", DATA)
    assert proxy.injected == 2
    count_faults(proxy.injected, "survived")


def test_bytes_that_arrive_changed_are_refused_and_sent_again(
    store: S3Store, proxy: FaultyProxy, count_faults: CountFaults
) -> None:
    proxy.harm("PUT", faults.flip_bit_of_request)
    store.put("key/new", DATA[::-1])
    assert proxy.injected == 1
    assert store.get("key/new") == DATA[::-1]
    count_faults(proxy.injected, "survived")


def test_bytes_that_always_arrive_changed_are_never_given_out(
    store: S3Store, proxy: FaultyProxy, count_faults: CountFaults
) -> None:
    proxy.harm_always("GET", faults.flip_bit_of_answer)
    with pytest.raises(StoreError, match="the bytes that arrive are not those that were put"):
        store.get("key/old")
    count_faults(proxy.injected, "reported as one error")


LASTING: dict[str, tuple[Fault, str]] = {
    "slow-down": (SLOW_DOWN, r"S3 does not cope \(SlowDown: as told\).*start again later"),
    "bad-gateway": (faults.bare_answer(502), r"S3 does not cope \(502.*start again later"),
    "reset": (faults.reset_in_request, r"S3 cannot be reached, or breaks off.*AWS_ENDPOINT_URL"),
}


@pytest.mark.parametrize("name", LASTING)
def test_a_fault_that_lasts_is_one_error_after_all_tries(
    store: S3Store, proxy: FaultyProxy, prefix: str, name: str, count_faults: CountFaults
) -> None:
    fault, message = LASTING[name]
    proxy.harm_always("PUT", fault)
    with pytest.raises(StoreError, match=message) as caught:
        store.put("key/old", b"new")
    assert str(caught.value).startswith(f"{prefix}/key/old: ")
    assert f"in each of {TRIES} tries" in str(caught.value)
    # aiohttp sends a request once more by itself where its connection ends.
    assert TRIES <= proxy.injected <= 2 * TRIES
    assert store.get("key/old") == DATA
    count_faults(proxy.injected, "reported as one error, earlier blobs whole")


def test_an_answer_that_never_ends_is_one_error_within_the_time_set(
    store: S3Store, proxy: FaultyProxy, prefix: str, count_faults: CountFaults
) -> None:
    proxy.harm_always("GET", faults.trickle)
    with pytest.raises(StoreError, match="S3 cannot be reached, or breaks off"):
        store_at(prefix, total=2.0).get("key/old")
    count_faults(proxy.injected, "reported as one error, earlier blobs whole")
    proxy.harm_always("GET", Exchange.pass_on)
    assert store.get("key/old") == DATA


def test_a_server_that_goes_away_is_one_error_and_keeps_what_was_committed(
    store: S3Store, proxy: FaultyProxy, prefix: str, count_faults: CountFaults
) -> None:
    def stop_server(exchange: Exchange) -> None:
        exchange.read_half_of_body()
        proxy.stop()
        exchange.reset()

    proxy.harm("PUT", stop_server)
    unreachable = rf"{prefix}.*: S3 cannot be reached.* in each of {TRIES} tries; check the network"
    for request in (
        lambda: store.put("key/new", DATA),
        lambda: store.get("key/old"),
        store.list,
        lambda: store.delete(["key/old"]),
    ):
        with pytest.raises(StoreError, match=unreachable):
            request()
    proxy.start()
    assert [blob.name for blob in store.list()] == ["key/old"]
    assert store.get("key/old") == DATA
    store.put("key/new", DATA)
    assert store.get("key/new") == DATA
    count_faults(proxy.injected, "server gone: reported as one error, earlier blobs whole")


def test_an_endpoint_where_nobody_answers_is_one_error(
    s3_address: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    del s3_address
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        store = store_at(prefix, tries=2, read_timeout=0.2, connect_timeout=0.2)
        with pytest.raises(StoreError, match="S3 cannot be reached"):
            store.get("key/old")


def test_a_writer_that_is_killed_in_the_middle_leaves_the_old_blob(
    store: S3Store, proxy: FaultyProxy, prefix: str, count_faults: CountFaults
) -> None:
    command = [sys.executable, "-c", WRITER, prefix]
    for name, expected in (("key/old", DATA), ("key/new", None)):
        writer = subprocess.Popen([*command, name], stdin=subprocess.PIPE)

        def kill(exchange: Exchange, pid: int = writer.pid) -> None:
            exchange.read_half_of_body()
            os.kill(pid, signal.SIGKILL)
            exchange.hang_up()

        proxy.harm("PUT", kill)
        writer.communicate(b"\n")
        assert writer.returncode == -signal.SIGKILL
        assert store.get(name) == expected
    assert [blob.name for blob in store.list()] == ["key/old"]
    count_faults(proxy.injected, "writer killed, old blob whole")


def test_a_writer_that_is_told_to_end_does_so_in_the_middle_of_a_put(
    store: S3Store, proxy: FaultyProxy, prefix: str, count_faults: CountFaults
) -> None:
    command = [sys.executable, "-c", WRITER, prefix, "key/old"]
    writer = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)

    def terminate(exchange: Exchange) -> None:
        exchange.read_half_of_body()
        writer.terminate()
        exchange.wait_for_client_to_leave()

    proxy.harm("PUT", terminate)
    _, errors = writer.communicate(b"\n")
    assert (writer.returncode, errors) == (143, b"")
    assert store.get("key/old") == DATA
    count_faults(proxy.injected, "writer told to end, old blob whole")


REFUSED: dict[str, tuple[Fault, str]] = {
    "no-permission": (faults.error_answer(403, "AccessDenied"), "S3 denies access .* allow s3:Get"),
    "expired": (
        faults.error_answer(400, "ExpiredToken"),
        "S3 does not accept the credentials .*; set AWS_ACCESS_KEY_ID",
    ),
    "other": (faults.error_answer(400, "Strange"), r"S3 refuses \w+ \(Strange: as told\); check"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_is_reported_at_once(
    store: S3Store, proxy: FaultyProxy, name: str, count_faults: CountFaults
) -> None:
    fault, message = REFUSED[name]
    for method in ("GET", "PUT", "POST"):
        proxy.harm(method, fault)
    for request in (
        lambda: store.get("key/old"),
        lambda: store.put("key/old", b""),
        lambda: store.delete(["key/old"]),
    ):
        with pytest.raises(StoreError, match=message) as caught:
            request()
        assert "tries" not in str(caught.value)
    assert proxy.injected == 3
    count_faults(proxy.injected, "reported")


def test_a_name_that_may_not_be_deleted_is_an_error(store: S3Store, proxy: FaultyProxy) -> None:
    body = (
        b"<DeleteResult><Error><Key>key/old</Key><Code>AccessDenied</Code>"
        b"<Message>no</Message></Error></DeleteResult>"
    )

    def refuse_one(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.send(faults.Answer(200, [("Content-Type", "application/xml")], body))

    proxy.harm("POST", refuse_one)
    with pytest.raises(StoreError, match=r"S3 denies access \(DeleteObjects\)"):
        store.delete(["key/old"])


def test_a_missing_bucket_is_not_taken_for_a_missing_blob(s3_address: str) -> None:
    del s3_address
    store = open_store("s3://no-such-bucket/prefix")
    for request in (
        lambda: store.get("a"),
        lambda: store.put("a", b""),
        store.list,
        lambda: store.delete(["a"]),
    ):
        with pytest.raises(
            StoreError, match=r"^s3://no-such-bucket/prefix.*: there is no bucket no-such-bucket; m"
        ):
            request()


def test_missing_credentials_are_one_error(
    s3_address: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    del s3_address
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    store = open_store(prefix)
    with pytest.raises(StoreError, match=r"are no usable AWS credentials .*; set AWS_ACCESS"):
        store.put("a", b"")
    monkeypatch.setenv("AWS_PROFILE", "none")
    with pytest.raises(StoreError, match=r"are no usable AWS credentials .*none"):
        open_store(prefix).put("a", b"")


@pytest.mark.parametrize("address", ["localhost:1", "http://", "http://a b"])
def test_an_endpoint_that_is_no_address_is_one_error(
    s3_address: str, prefix: str, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    del s3_address
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    with pytest.raises(StoreError, match="AWS_ENDPOINT_URL"):
        store_at(prefix, first_pause=0.01).get("a")


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_the_region_of_the_environment_is_used(
    proxy: FaultyProxy, prefix: str, monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    monkeypatch.setenv("AWS_REGION", region)
    seen: list[str] = []

    def note_region(exchange: Exchange) -> None:
        seen.append(exchange.headers["Authorization"])
        exchange.send(exchange.ask_server(exchange.read_body()))

    proxy.harm("PUT", note_region)
    open_store(prefix).put("a", b"x")
    assert f"/{region}/s3/" in seen[0]


def test_a_url_that_went_through_a_path_is_the_same_place(s3_address: str, prefix: str) -> None:
    del s3_address
    assert open_store(Path(prefix)).location == prefix
    assert open_store(f"{prefix}/").location == prefix
    assert open_store(f"s3://{BUCKET}").location == f"s3://{BUCKET}"


def test_blobs_of_a_neighbour_with_a_longer_prefix_are_not_ours(
    s3_address: str, prefix: str
) -> None:
    del s3_address
    open_store(f"{prefix}-2").put("a", b"x")
    assert open_store(prefix).list() == []
