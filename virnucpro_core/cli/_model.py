"""``virnucpro model``: look at bundles, and make them from published weights."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from virnucpro_core.cli import _model_evaluate
from virnucpro_core.errors import BundleError, UsageError

__all__ = ["app"]

app = typer.Typer(
    help="List, show, verify, fetch, import and evaluate models.", no_args_is_help=True
)

ModelArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="A directory, a name ('model list') or s3://….")
]


@app.command("list")
def list_() -> None:
    """Print the models that have a name: size, licence, and where they are."""
    from virnucpro_core.models import format_size, list_models

    models = list_models()
    width = max(len(model.name) for model in models)
    licences = max(len(model.licence) for model in models)
    for model in models:
        typer.echo(
            f"{model.name:{width}}  {model.kind:7}  {format_size(model.n_bytes):>7}  "
            f"{model.licence:{licences}}  {model.state}"
        )


@app.command()
def show(model: ModelArgument) -> None:
    """Print what a model says of itself, as JSON."""
    from virnucpro_core.models import Bundle, open_model

    found = open_model(model, offline=True)
    if isinstance(found, Bundle):
        described = {"sha256": found.sha256, **found.spec.to_json()}
    else:
        described = {
            "sha256": found.sha256,
            "name": found.name,
            "kind": found.kind,
            "config": asdict(found.config),
            "files": [str(file) for file in found.files],
        }
    typer.echo(json.dumps(described, indent=2))


@app.command()
def verify(model: ModelArgument) -> None:
    """Check every digest and shape."""
    from virnucpro_core.models import Bundle, open_model

    found = open_model(model, offline=True)
    if isinstance(found, Bundle):
        found.verify()
        typer.echo(f"{found.name}: {len(found.spec.files)} files are as bundle.json says")
        return
    # There are no digests in the directory: what can be checked is that the weights are whole.
    found.load_encoder()
    found.load_tokenizer()
    typer.echo(f"{found.name}: all tensors are there, SHA-256 {found.sha256}")


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A published model, see 'model list'.")],
    cache_dir: Annotated[
        Path | None, typer.Option(help="Cache of the Hugging Face hub; default: HF_HUB_CACHE.")
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Take only what is in the cache.")
    ] = False,
) -> None:
    """Fetch a published model, and print the directory that it is in."""
    from virnucpro_core import models

    if name in models.PUBLISHED_BUNDLES:
        bundle = models.fetch_bundle(name, cache=cache_dir, offline=offline)
        typer.echo(str(bundle.path))
        return
    published = models.find_published(name)
    if published is None:
        known = ", ".join([*models.PUBLISHED_BUNDLES, *models.PUBLISHED_MODELS])
        raise UsageError(f"no published model {name!r}", remedy=f"use one of {known}")
    typer.echo(str(models.fetch_model(published, cache=cache_dir, offline=offline).path))


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
    from virnucpro_core.models import Bundle, HuggingFaceModel, import_bundle, open_model

    def encoder(model: str) -> HuggingFaceModel:
        found = open_model(model)
        if isinstance(found, Bundle):
            raise BundleError(
                "is a bundle, an encoder alone is wanted",
                where=model,
                remedy="give a directory in Hugging Face's layout, or a published name",
            )
        return found

    found = import_bundle(
        output,
        classifier=classifier,
        dna=encoder(dna),
        protein=encoder(protein),
        window_size=window_size,
    )
    typer.echo(f"{found.path}: {found.spec.description}")


app.command("evaluate")(_model_evaluate.evaluate)
