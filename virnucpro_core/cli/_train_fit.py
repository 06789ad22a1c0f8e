"""``virnucpro train fit``: a classifier on the embeddings of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from virnucpro_core.cli._options import ModelOption
from virnucpro_core.cli._say import say
from virnucpro_core.cli._signals import stop_signals
from virnucpro_core.errors import UsageError

if TYPE_CHECKING:
    from virnucpro_core.training import Dataset

__all__ = ["FitThreadsOption", "RecipeOption", "fit", "fit_and_report"]

RecipeOption = Annotated[
    str, typer.Option("--recipe", help="default, or authors: as VirNucPro's was fitted.")
]
FitThreadsOption = Annotated[
    int,
    typer.Option(
        "--fit-threads", min=1, help="Threads of the fitting; with 1 equal runs give equal bundles."
    ),
]


def fit(
    dataset: Annotated[Path, typer.Argument(help="Directory of 'virnucpro train data'.")],
    dna: Annotated[
        list[Path], typer.Option(help="DNA embeddings of a shard, or a folder of them; repeatable.")
    ],
    protein: Annotated[list[Path], typer.Option(help="Protein embeddings, likewise.")],
    model: ModelOption,
    output: Annotated[Path, typer.Option(help="Bundle directory to make.")],
    name: Annotated[str, typer.Option(help="Name of the bundle [the directory's].")] = "",
    recipe: RecipeOption = "default",
    seed: Annotated[int, typer.Option(min=0, help="Of weights and order of frames.")] = 1,
    fit_threads: FitThreadsOption = 1,
    report: Annotated[
        Path | None, typer.Option(help="Folder for the evaluation [<output>.evaluation].")
    ] = None,
) -> None:
    """Fit a classifier, calibrate and test it, and write a bundle with the model's encoders."""
    from virnucpro_core.training import Dataset

    with stop_signals():
        fit_and_report(
            Dataset.open(dataset),
            _embedding_files(dna),
            _embedding_files(protein),
            model,
            output,
            report or output.with_name(f"{output.name}.evaluation"),
            name=name,
            recipe=recipe,
            seed=seed,
            threads=fit_threads,
        )


def fit_and_report(
    dataset: Dataset,
    dna: Sequence[Path],
    protein: Sequence[Path],
    model: str,
    output: Path,
    report: Path,
    *,
    name: str,
    recipe: str,
    seed: int,
    threads: int,
) -> None:
    """`fit_bundle`, its evaluation as files, and what came out of it on the screen."""
    from virnucpro_core import training
    from virnucpro_core.models import open_bundle

    bundle, evaluation = training.fit_bundle(
        dataset, dna, protein, open_bundle(model), output, say,
        name=name, recipe=recipe, seed=seed, threads=threads,
    )  # fmt: skip
    training.write_report(report, evaluation)
    say(training.summary_lines(evaluation))
    say(f"{output}: bundle {bundle.name} {bundle.sha256[:12]}; evaluation in {report}")


def _embedding_files(given: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in given:
        found = sorted(path.glob("*.h5")) if path.is_dir() else [path]
        if not found:
            raise UsageError(
                "holds no .h5 file", where=str(path), remedy="name files of 'virnucpro embed'"
            )
        files += found
    return files
