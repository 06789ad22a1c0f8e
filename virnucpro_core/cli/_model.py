"""``virnucpro model``: look at bundles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(help="Show and verify model bundles.", no_args_is_help=True)

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
