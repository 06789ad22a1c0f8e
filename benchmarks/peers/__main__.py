"""The command line; see benchmarks/README.md."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.peers._our_tools import BundleCalls, BundleScorer, KmerTool, open_kmer_dataset
from benchmarks.peers._peer_tools import PEERS, PeerError, find_peers
from benchmarks.peers._scores import Scores, Tool, scores_of
from benchmarks.peers._tables import Tables
from benchmarks.peers._windows import SHEET_COLUMNS, Drawing, WindowSet, draw_windows
from virnucpro_core.errors import UsageError, VirnucproError
from virnucpro_core.training import find_leaks, read_sheet, seen_genomes

__all__ = ["main"]

_NOT_GIVEN = "not given"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def peers(
    sheet: Annotated[
        Path,
        typer.Argument(help="Sheet with file,label,group and, if wanted, name,organism,kind."),
    ],
    output: Annotated[Path, typer.Argument(help="Folder for windows, scores and tables.")],
    bundle: Annotated[
        list[str] | None, typer.Option(help="A bundle's name or directory; again for the next.")
    ] = None,
    prevalence: Annotated[
        list[str] | None,
        typer.Option(help="That bundles call at: auto or a number; again for the next."),
    ] = None,
    kmers: Annotated[
        Path | None,
        typer.Option(help="Dataset directory, or training sheet, for the k-mer baseline."),
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(help=f"NAME=PYTHON of a peer's environment: {', '.join(PEERS)}."),
    ] = None,
    weights: Annotated[
        list[str] | None, typer.Option(help="NAME=FOLDER of a peer's weights.")
    ] = None,
    length: Annotated[
        list[int] | None, typer.Option(min=3, help="In bases; again for the next.")
    ] = None,
    per_genome: Annotated[int, typer.Option(min=1, help="Most windows of a genome.")] = 20,
    per_group: Annotated[int, typer.Option(min=1, help="Most windows of a family.")] = 60,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="Of each tool; one compares rates best.")] = 1,
) -> None:
    """Draw windows, let all tools answer them, and judge the answers.

    Run again, it asks no tool for answers that are there. Exit code 1 says that a tool failed.
    """
    pythons, folders = _pairs("--peer", peer), _pairs("--weights", weights)
    asked = find_peers(pythons, folders, threads)
    genomes = read_sheet(sheet, also=SHEET_COLUMNS)
    drawing = Drawing(
        tuple(dict.fromkeys(length or (150, 300, 500, 1000, 3000))), per_genome, per_group, seed
    )
    sets, digests = draw_windows(genomes, output / "windows", drawing, _say)
    tables = Tables(
        {
            "genomes": len(genomes),
            "groups": len({(genome.label, genome.group) for genome in genomes}),
            "per_genome": per_genome,
            "per_group": per_group,
            "seed": seed,
            "threads": threads,
            "windows": {str(each.length): each.sha256 for each in sets},
        }
    )
    models = list(dict.fromkeys(bundle or ()))
    scorers = [BundleScorer(model, output / "work", threads) for model in models]
    names = Counter(scorer.bundle.name for scorer in scorers)
    tools: list[Tool] = []
    for model, scorer in zip(models, scorers, strict=True):
        name = scorer.bundle.name
        name = name if names[name] == 1 else f"{name} ({model})"
        tables.warnings += find_leaks(seen_genomes(scorer.bundle), digests, name)
        shares = dict.fromkeys(prevalence or ("auto", "0.5"))
        tools += [BundleCalls(scorer, name, share) for share in shares]
    if kmers is None:
        tables.missing[KmerTool.name] = f"{_NOT_GIVEN}: --kmers"
    else:
        tools.append(KmerTool(open_kmer_dataset(kmers, output / "kmers", _say), _say))
    for key, name in PEERS.items():
        if key not in pythons:
            tables.missing[name] = f"{_NOT_GIVEN}: --peer {key}=PYTHON"
    has_failed = False
    for tool in [*tools, *asked]:
        try:
            answers = list(_answers(tool, sets, output / "scores"))
        except PeerError as error:
            _say(f"warning: {error}")
            tables.missing[tool.name] = str(error)
            has_failed |= not error.is_missing
            continue
        for windows, scores in answers:
            tables.add(tool.name, windows, scores)
    tables.write(output)
    print(tables.summary())
    _say(f"tables in {output}: peers.md, peers.json and a TSV file of each")
    if has_failed:
        raise typer.Exit(1)


def _answers(
    tool: Tool, sets: Sequence[WindowSet], folder: Path
) -> Iterator[tuple[WindowSet, Scores]]:
    for windows in sets:
        scores, were_there = scores_of(tool, windows, folder)
        how = "there already" if were_there else f"{scores.seconds:.1f} s"
        _say(f"{tool.name}, {windows.length} nt: {len(windows.ids)} windows, {how}")
        yield windows, scores


def _pairs(option: str, words: Sequence[str] | None) -> dict[str, str]:
    """``NAME=VALUE`` each."""
    pairs = [word.partition("=") for word in words or ()]
    for name, sign, value in pairs:
        if not (name and sign and value):
            raise UsageError(f"{option} is {name + sign + value!r}", remedy=f"give {option} NAME=…")
    return {name: value for name, _, value in pairs}


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(peers)
    try:
        app(args=None if argv is None else list(argv), prog_name="python -m benchmarks.peers")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except VirnucproError as error:
        _say(f"error: {error}")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
