from __future__ import annotations

import gzip
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from Bio import Entrez

from tests.unit.training.efetch_server import EfetchServer, efetch_server
from tests.unit.training.genomes import bases, genbank_text
from virnucpro_core.cli import main
from virnucpro_core.errors import InputError, UsageError, VirnucproError
from virnucpro_core.training import DownloadSettings, DownloadSummary, download_genomes
from virnucpro_core.training._genome_files import read_genome

NAMES = [f"AB{i:06}.{1 + i % 2}" for i in range(12)]
RECORDS = {
    name: genbank_text(name, bases(150, i), [("CDS", "1..150", "")]) for i, name in enumerate(NAMES)
}


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Biopython's own clock, which keeps the limit of requests a second; no proxy in between."""
    clock = Clock()
    monkeypatch.setattr(Entrez, "time", SimpleNamespace(time=clock.time, sleep=clock.sleep))
    monkeypatch.setattr(Entrez._open, "previous", 0)
    monkeypatch.setenv("no_proxy", "*")
    return clock


@pytest.fixture
def server() -> Iterator[EfetchServer]:
    with efetch_server(dict(RECORDS)) as found:
        yield found


def fetch(
    folder: Path,
    server: EfetchServer | str,
    lines: list[str],
    *,
    waits: list[float] | None = None,
    **settings: str,
) -> DownloadSummary:
    (folder / "list.txt").write_text("\n".join(lines))
    address = server if isinstance(server, str) else server.address
    return download_genomes(
        folder / "list.txt",
        folder / "genomes",
        DownloadSettings(email="a@b.org", server=address, **settings),
        lambda _: None,
        sleep=([] if waits is None else waits).append,
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "genomes").iterdir())


def test_each_accession_is_a_file_with_its_version(tmp_path: Path, server: EfetchServer) -> None:
    lines = ["# phages", *NAMES[:11], "", NAMES[11].partition(".")[0]]
    summary = fetch(tmp_path, server, lines)
    assert names(tmp_path) == [f"{name}.gb.gz" for name in NAMES]
    assert len(summary.fetched) == 12
    assert gzip.decompress(summary.fetched[3].read_bytes()).decode() == RECORDS[NAMES[3]]
    genome = read_genome(tmp_path / "genomes" / f"{NAMES[3]}.gb.gz")
    assert genome.letters.tobytes().decode() == bases(150, 3)
    assert [len(asked.split(",")) for asked in server.asked()] == [10, 2]
    request = server.requests[0]
    assert (request["db"], request["rettype"]) == ("nuccore", "gbwithparts")
    assert (request["email"], request["tool"]) == ("a@b.org", "virnucpro")
    assert "api_key" not in request


def test_fasta_comes_when_it_is_asked_for(tmp_path: Path) -> None:
    records = {"X1.1": f">X1.1 one\n{bases(80, 1)}\n", "X2.1": f">X2.1 two\n{bases(90, 2)}\n"}
    with efetch_server(records) as server:
        fetch(tmp_path, server, ["X1.1", "X2"], file_format="fasta")
        assert server.requests[0]["rettype"] == "fasta"
    assert names(tmp_path) == ["X1.1.fasta.gz", "X2.1.fasta.gz"]
    genome = read_genome(tmp_path / "genomes" / "X2.1.fasta.gz")
    assert genome.letters.tobytes().decode() == bases(90, 2)


@pytest.mark.parametrize(("key", "pause"), [(None, 0.37), ("k3y", 0.1)])
def test_requests_keep_to_the_limit_of_ncbi(
    tmp_path: Path, server: EfetchServer, pauses: Clock, key: str | None, pause: float
) -> None:
    server.refuses_unknown = True
    settings = {} if key is None else {"api_key": key}
    with pytest.raises(InputError):
        fetch(tmp_path, server, [*NAMES[:3], "ZZ000001"], **settings)
    assert server.requests[0].get("api_key") == key
    assert pauses.slept == pytest.approx([pause] * 4)  # five requests


def test_what_is_there_is_not_asked_for_again(tmp_path: Path, server: EfetchServer) -> None:
    fetch(tmp_path, server, NAMES[:2])
    kept = tmp_path / "genomes" / f"{NAMES[0]}.gb.gz"
    before = kept.stat().st_mtime_ns
    summary = fetch(tmp_path, server, [NAMES[0].partition(".")[0], *NAMES[1:3]])
    assert server.asked()[1:] == [NAMES[2]]
    assert (len(summary.fetched), len(summary.kept)) == (1, 2)
    assert kept.stat().st_mtime_ns == before


@pytest.mark.parametrize("fault", [429, 500, 503, "cut", "drop", "<html>NCBI is busy</html>"])
def test_what_passes_is_tried_again_with_growing_waits(
    tmp_path: Path, server: EfetchServer, fault: int | str
) -> None:
    server.faults = [fault, fault]
    waits: list[float] = []
    summary = fetch(tmp_path, server, NAMES[:2], waits=waits)
    assert len(summary.fetched) == 2
    assert len(server.requests) == 3
    # the server names seven seconds with a status
    assert waits == ([7.0, 7.0] if isinstance(fault, int) else [2.0, 4.0])


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (503, r"NCBI \(http.*\): no whole answer in 5 attempts \(HTTPError: Service Unavailable\)"),
        ("<html>busy</html>", r"no whole answer in 5 attempts .*<html>busy</html>"),
        ("cut", r"no whole answer in 5 attempts \(IncompleteRead"),
    ],
)
def test_what_does_not_pass_is_one_line_and_what_came_before_is_kept(
    tmp_path: Path, server: EfetchServer, fault: int | str, message: str
) -> None:
    fetch(tmp_path, server, NAMES[:1])
    server.faults = [fault] * 9
    with pytest.raises(InputError, match=message) as error:
        fetch(tmp_path, server, NAMES)
    assert "\n" not in str(error.value)
    assert str(error.value).endswith("check the network and try again; what has come is kept")
    assert names(tmp_path) == [f"{NAMES[0]}.gb.gz"]


def test_a_key_that_is_not_valid_is_said_at_once(tmp_path: Path, server: EfetchServer) -> None:
    server.faults = [(400, '{"error":"API key invalid"}')]
    with pytest.raises(UsageError, match=r"NCBI refuses the API key .*; check --api-key"):
        fetch(tmp_path, server, NAMES, api_key="wrong")
    assert len(server.requests) == 1


def test_no_network_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(InputError, match=r"5 attempts \(URLError: .*refused\); check the n"):
            fetch(tmp_path, address, NAMES)


@pytest.mark.parametrize("refuses", [True, False])
def test_unknown_accessions_are_named_after_all_others_have_come(
    tmp_path: Path, server: EfetchServer, refuses: bool
) -> None:
    server.refuses_unknown = refuses
    reason = "NCBI: HTTP 400: Failed to retrieve" if refuses else "NCBI gives no record"
    message = rf"2 of 5 accessions did not come: ZZ000001 \({reason}.*, ZZ000002 \({reason}"
    with pytest.raises(InputError, match=message):
        fetch(tmp_path, server, ["ZZ000001", *NAMES[:3], "ZZ000002"])
    assert names(tmp_path) == [f"{name}.gb.gz" for name in NAMES[:3]]


def test_another_version_than_the_one_asked_for_is_refused(
    tmp_path: Path, server: EfetchServer
) -> None:
    server.records["CC000001.1"] = genbank_text("CC000001.2", bases(60, 1))
    with pytest.raises(InputError, match=r"CC000001\.1 \(CC000001\.2 came in its place\)"):
        fetch(tmp_path, server, ["CC000001.1", NAMES[0]])
    assert names(tmp_path) == [f"{NAMES[0]}.gb.gz"]


def test_a_record_without_a_sequence_is_refused(tmp_path: Path, server: EfetchServer) -> None:
    text = genbank_text("DD000001.1", bases(60, 1))
    server.records["DD000001.1"] = (
        text[: text.index("ORIGIN")] + "CONTIG      join(E1.1:1..60)\n//\n"
    )
    with pytest.raises(InputError, match=r"1 of 2 .*: DD000001\.1 \(has no sequence\)"):
        fetch(tmp_path, server, ["DD000001.1", NAMES[0]])
    assert names(tmp_path) == [f"{NAMES[0]}.gb.gz"]


def test_a_record_that_ends_too_early_is_asked_for_again(
    tmp_path: Path, server: EfetchServer
) -> None:
    server.faults = [RECORDS[NAMES[0]][:-30]]  # whole for HTTP, but not for GenBank
    fetch(tmp_path, server, [NAMES[0]])
    assert len(server.requests) == 2


def test_a_table_with_labels_becomes_the_sheet_of_the_genomes(
    tmp_path: Path, server: EfetchServer
) -> None:
    lines = [
        "accession,label,group",
        f"{NAMES[1]},virus,g1",
        f"{NAMES[0].partition('.')[0]},others,",
    ]
    summary = fetch(tmp_path, server, lines)
    assert summary.sheet is not None
    assert summary.sheet.read_text() == (
        f"file,label,group\n{NAMES[1]}.gb.gz,virus,g1\n{NAMES[0]}.gb.gz,others,\n"
    )


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], r"list\.txt: names no accession"),
        (["AB000001", "a phage"], r"line 2: 'a phage' is no accession of a nucleotide sequence"),
        (["GCF_000005845.2"], r"line 1: GCF_000005845\.2 is an assembly, not a sequence; name"),
        (["AB000001", "", "AB000001"], r"line 3: AB000001 is named a second time; .*line 1"),
        (["accession,kind", "A1,virus"], r"line 1: has the column 'kind', which is not known"),
        (["AB000001,virus"], r"line 1: has 2 fields, not 1; .*begin with a header"),
    ],
)
def test_a_mistake_in_the_list_is_one_line_with_its_place(
    tmp_path: Path, lines: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        fetch(tmp_path, "http://127.0.0.1:9", lines)


@pytest.mark.parametrize("settings", [{"file_format": "embl"}, {"server": "example.org"}])
def test_options_that_make_no_sense_are_refused(tmp_path: Path, settings: dict[str, str]) -> None:
    (tmp_path / "list.txt").write_text("AB000001")
    with pytest.raises(UsageError):
        download_genomes(
            tmp_path / "list.txt",
            tmp_path,
            DownloadSettings(email="a@b.org", **settings),
            lambda _: None,
        )
    with pytest.raises(VirnucproError, match=r"'nobody' is no e-mail address"):
        download_genomes(
            tmp_path / "list.txt", tmp_path, DownloadSettings("nobody"), lambda _: None
        )


def test_the_command_takes_the_server_from_the_environment(
    tmp_path: Path,
    server: EfetchServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("VIRNUCPRO_ENTREZ", server.address)
    (tmp_path / "list.txt").write_text(NAMES[0])
    command = ["train", "download", str(tmp_path / "list.txt"), "--email", "a@b.org"]
    assert main([*command, "--output", str(tmp_path / "genomes")]) == 0
    assert "1 genomes downloaded, 0 kept" in capsys.readouterr().out
    assert names(tmp_path) == [f"{NAMES[0]}.gb.gz"]
