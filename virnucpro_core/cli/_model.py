"""``virnucpro model``: look at bundles, and make them from published weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(help="Show, verify and import models.", no_args_is_help=True)

BundleArgument = Annotated[Path, typer.Argument(help="A bundle directory.")]


@app.command()
def show(bundle: BundleArgument) -> None:
    """Print what a bundle says of itself."""
    from virnucpro_core.models import load_bundle

    found = load_bundle(bundle)
    typer.echo(json.dumps({"sha256": found.sha256, **found.spec.to_json()}, indent=2))


@app.command()
def verify(bundle: BundleArgument) -> None:
    """Check every digest and shape, and load both encoders and the classifier."""
    from virnucpro_core.models import load_bundle

    found = load_bundle(bundle)
    found.load_encoder("dna")
    found.load_tokenizer("dna")
    found.load_encoder("protein")
    found.load_classifier()
    typer.echo(f"{found.name}: {len(found.spec.files)} files are as bundle.json says")


@app.command()
def convert(
    files: Annotated[list[Path], typer.Argument(help="Pickled weights (.pt, .pth, .bin).")],
    output: Annotated[Path, typer.Option(help="safetensors file to write.")],
) -> None:
    """Convert pickled weights, in one file or several, to safetensors, without running them."""
    from virnucpro_core.models import convert_to_safetensors

    for file, found in zip(files, convert_to_safetensors(files, output), strict=True):
        typer.echo(f"{file}: {found}")


@app.command("import")
def import_(
    classifier: Annotated[Path, typer.Argument(help="VirNucPro's classifier (.pth).")],
    dna: Annotated[str, typer.Option(help="DNABERT-S: a directory or a published name.")],
    protein: Annotated[str, typer.Option(help="ESM-2: a directory or a published name.")],
    window_size: Annotated[int, typer.Option(min=3, help="Bases that it was trained on.")],
    output: Annotated[Path, typer.Option(help="Bundle directory to make.")],
) -> None:
    """Make a bundle of VirNucPro's classifier and its two encoders."""
    from virnucpro_core.models import (
        PUBLISHED_MODELS,
        HuggingFaceModel,
        fetch_model,
        import_bundle,
        open_hugging_face,
    )

    def encoder(model: str) -> HuggingFaceModel:
        is_name = model in PUBLISHED_MODELS and not Path(model).exists()
        return fetch_model(model) if is_name else open_hugging_face(Path(model))

    found = import_bundle(
        output,
        classifier=classifier,
        dna=encoder(dna),
        protein=encoder(protein),
        window_size=window_size,
    )
    typer.echo(f"{found.path}: {found.spec.description}")
