"""An S3 server on this machine, stores to test, and a count of the faults that were injected."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.unit.store.faulty_proxy import FaultyProxy, faulty_proxy
from virnucpro_core.store import BlobStore, open_store

BUCKET = "checkpoints"

S3_SETTINGS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    # Nothing of this machine's own settings, and no question to the metadata service of a cloud.
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


class FaultCount(NamedTuple):
    test: str
    injected: int
    outcome: str


_FAULTS = pytest.StashKey[list[FaultCount]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counts = terminalreporter.config.stash.get(_FAULTS, [])
    if counts:
        terminalreporter.section("faults injected into checkpoint stores")
    for count in counts:
        terminalreporter.line(f"{count.injected:3} {count.outcome}: {count.test}")


@pytest.fixture
def count_faults(request: pytest.FixtureRequest) -> Callable[[int, str], None]:
    """Notes how many faults a test has injected and what became of them, for the summary."""

    def note(injected: int, outcome: str) -> None:
        counts = request.config.stash.setdefault(_FAULTS, [])
        counts.append(FaultCount(request.node.nodeid, injected, outcome))

    return note


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """Address of an S3 server with one bucket."""
    pytest.importorskip("s3fs", reason="needs s3fs")
    server_module = pytest.importorskip("moto.server", reason="needs moto[server]")
    from botocore.session import get_session

    server = server_module.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in S3_SETTINGS.items():
            patch.setenv(name, value)
        client = get_session().create_client("s3", endpoint_url=address, region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        client.close()
    yield address
    server.stop()


@pytest.fixture
def s3_address(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same, with the environment set so that it is the S3 of this test."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {**S3_SETTINGS, "AWS_ENDPOINT_URL": s3_server}.items():
        monkeypatch.setenv(name, value)
    return s3_server


@pytest.fixture
def proxy(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    """A proxy that is the S3 of this test."""
    with faulty_proxy(s3_address) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.address)
        yield proxy


@pytest.fixture
def prefix() -> str:
    """A URL that no other test uses."""
    return f"s3://{BUCKET}/{secrets.token_hex(4)}"


@pytest.fixture(params=["directory", "s3"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store of either kind can be."""
    if request.param == "directory":
        return str(tmp_path / "a store" / "é")
    request.getfixturevalue("s3_address")
    return f"{request.getfixturevalue('prefix')}/a store/é"


@pytest.fixture
def store(location: str) -> BlobStore:
    return open_store(location)
