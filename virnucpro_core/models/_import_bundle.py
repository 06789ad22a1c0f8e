"""A bundle of VirNucPro's published classifier and the two published encoders."""

from __future__ import annotations

from pathlib import Path

from virnucpro_core._files import sha256_of_file
from virnucpro_core.errors import BundleError, UsageError
from virnucpro_core.models._bundle import Bundle
from virnucpro_core.models._dnabert_s import DnabertS
from virnucpro_core.models._esm2 import Esm2
from virnucpro_core.models._hugging_face import HuggingFaceModel
from virnucpro_core.models._import_classifier import import_classifier
from virnucpro_core.models._write_bundle import write_bundle

__all__ = ["import_bundle"]


def import_bundle(
    path: Path,
    *,
    classifier: Path,
    dna: HuggingFaceModel,
    protein: HuggingFaceModel,
    window_size: int,
) -> Bundle:
    """Write a bundle; nothing in the classifier's file is executed.

    Args:
        path: directory to make; it must not exist yet. Its name is the bundle's.
        classifier: file of ``torch.save``, see `import_classifier`.
        dna: the DNA encoder that it was trained with.
        protein: the protein encoder that it was trained with.
        window_size: bases per window that it was trained on.

    Raises:
        BundleError: a part cannot be read, or the parts do not fit together.
        UsageError: an encoder is of the other kind.
    """
    mlp = import_classifier(classifier)
    width = dna.config.width + protein.config.width
    if mlp.config.input_width != width:
        raise BundleError(
            f"takes {mlp.config.input_width} numbers, the encoders give {dna.config.width} + "
            f"{protein.config.width}",
            where=str(classifier),
            remedy="give the encoders that it was trained with",
        )
    dna_encoder, protein_encoder = dna.load_encoder(), protein.load_encoder()
    if not isinstance(dna_encoder, DnabertS) or not isinstance(protein_encoder, Esm2):
        raise UsageError(
            f"{dna.name} and {protein.name} are not a DNA encoder and a protein encoder",
            remedy="give a DNABERT-S as --dna and an ESM-2 as --protein",
        )
    return write_bundle(
        path,
        name=path.name,
        description=f"VirNucPro's classifier {classifier.name} with {dna.name} and {protein.name}.",
        licence=f"those of VirNucPro, {dna.name} and {protein.name}",
        window_size=window_size,
        dna=dna_encoder,
        dna_tokenizer=dna.path / "tokenizer.json",
        protein=protein_encoder,
        classifier=mlp,
        training={
            "imported_from": classifier.name,
            "imported_sha256": sha256_of_file(classifier),
        },
    )
