"""Options of VirNucPro 2.0 that are given here: what becomes of each.

An option is translated only where the new parameter does the same; one that had no influence on
the results is left out with a note; for the others the error names the new way. Parameters that
Nextflow's configuration reads itself (``outdir``, ``model``) cannot be translated any more when
parameters are checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

__all__ = ["GUIDE", "OldNames", "translate_old_names"]

GUIDE = "docs/MIGRATION_v2.md#options"

_TRANSLATED: Mapping[str, tuple[str, Any]] = MappingProxyType(
    {
        # Old name: the parameter, and its value where the old one was a switch.
        "esm_batch_size": ("token_budget", None),
        "dnabert_batch_size": ("token_budget", None),
        "toks_per_batch": ("token_budget", None),
        "sequences_per_file": ("shard_frames", None),
        # No two sequences fit one token, and one that is alone may exceed it.
        "no_packing": ("token_budget", 1),
        "disable_packing": ("token_budget", 1),
        "no_fp16": ("precision", "fp32"),
        "disable_fp16": ("precision", "fp32"),
        "v1_attention": ("attention", "sdpa"),
        "v1_fallback": ("engine", "v1"),
    }
)
_UNNEEDED: Mapping[str, str] = MappingProxyType(
    {
        "parallel": "work is always spread; -profile gpu uses all CUDA devices of a machine",
        "batch_size": "the classifier's batches are of a fixed size",
        "num_workers": "reading and tokenising run ahead of the device by themselves",
        "dataloader_workers": "reading and tokenising run ahead of the device by themselves",
        "pin_memory": "memory is pinned wherever a CUDA device computes",
        "cuda_streams": "copies always overlap with computing",
        "no_cuda_streams": "copies always overlap with computing",
        "expandable_segments": "batches are sized for the memory; to have it all the same, set "
        "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True",
        "cache_clear_interval": "a batch that does not fit is halved, nothing is to be cleared",
        "persistent_models": "a task loads its model once, for all samples that share it",
        "no_persistent_models": "a task loads its model once, for all samples that share it",
        "threads": "Nextflow gives each task its CPUs",
        "merge_threads": "Nextflow gives each task its CPUs",
        "verbose": "every task says what it did in its .command.log",
        "quiet": "every task says what it did in its .command.log",
        "no_progress": "without a terminal there is no progress bar",
        "log_file": "the log is .nextflow.log; 'nextflow -log FILE run …' writes it elsewhere",
        "force": "results of the same sample are always replaced",
        "keep_intermediate": "the work folder keeps everything; --save_embeddings and "
        "--save_scores put embeddings and scores among the results",
        "skip_checkpoint_validation": "parts are always verified, which takes next to no time",
    }
)

_CHANGED: Mapping[str, str] = MappingProxyType(
    {
        "input_file": "give --input",
        "output_dir": "give --outdir",
        "resume": "-resume is an option of Nextflow, with one dash",
        "force_resume": "give -resume, with one dash: what is damaged is computed again by itself",
        "model_type": "give --model virnucpro-300 or --model virnucpro-500",
        "model_path": "make a bundle of the file with 'virnucpro model import', and give it as "
        "--model",
        "expected_length": "the window size belongs to the model; give --model",
        "gpus": "set CUDA_VISIBLE_DEVICES to these devices and give -profile gpu",
        "config": "settings are in a file for -params-file, and Nextflow's own in one for -c",
    }
)


@dataclass(slots=True)
class OldNames:
    """What became of the old options among the given ones.

    Attributes:
        given: parameters with the translated ones in the place of the old ones.
        notes: a line for each that was translated or left out.
        errors: a line for each that has to be replaced by hand.
        unknown: the names that are not old ones either, with the same in snake case.
    """

    given: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    unknown: dict[str, str] = field(default_factory=dict)


def translate_old_names(
    given: Mapping[str, Any], unknown: Mapping[str, str], known: Mapping[str, Any]
) -> OldNames:
    """Replace options of VirNucPro 2.0.

    Args:
        given: parameters as Nextflow has them.
        unknown: names in ``given`` that are no parameters, with the same in snake case.
        known: default of every parameter.
    """
    done = OldNames({name: value for name, value in given.items() if name not in unknown})
    for name, plain in unknown.items():
        if plain in _TRANSLATED:
            _translate(done, name, plain, given[name], known)
        elif plain in _UNNEEDED:
            done.notes.append(f"--{name} is not needed: {_UNNEEDED[plain]} ({GUIDE})")
        elif plain in _CHANGED:
            done.errors.append(f"--{name} is of VirNucPro 2.0; {_CHANGED[plain]} ({GUIDE})")
        else:
            done.unknown[name] = plain
    return done


def _translate(done: OldNames, name: str, plain: str, value: Any, known: Mapping[str, Any]) -> None:
    new, fixed = _TRANSLATED[plain]
    # Text of the command line, or a Boolean of a file of parameters.
    switch = str(value).strip().lower()
    if fixed is not None and switch == "false":
        done.notes.append(f"--{name} false is not needed ({GUIDE})")
        return
    if fixed is not None and switch != "true":
        done.errors.append(
            f"--{name} is '{value}', it must be true or false; it stands for --{new} {fixed}, "
            f"give that ({GUIDE})"
        )
        return
    wanted = value if fixed is None else fixed
    before = done.given.get(new)
    is_chosen = before is not None and str(before) != str(known[new])
    if is_chosen and str(before) != str(wanted):
        done.errors.append(
            f"--{name} stands for --{new} {wanted}, and --{new} is {before}; give --{new} alone "
            f"({GUIDE})"
        )
        return
    done.given[new] = wanted
    done.notes.append(f"--{name} is of VirNucPro 2.0; --{new} {wanted} is taken ({GUIDE})")
