"""Which profiles of the pipeline go together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from types import MappingProxyType

__all__ = ["PROFILES", "problems_of_profiles"]

_ENGINES = ("docker", "singularity", "apptainer")

_HERE = "test is for tasks on this machine; leave it out"
_OF_IMAGE = "the tasks run in an image, which has all packages; leave conda out"
_OF_BATCH = "AWS Batch runs the image of --container by itself"

_APART: Mapping[frozenset[str], str] = MappingProxyType(
    {
        frozenset({"slurm", "awsbatch"}): "tasks can be sent to one place only; leave one out",
        frozenset({"gpu", "slurm"}): "gpu is for one machine; leave it out, and give --slurm_gres "
        "gpu:1 (docs/slurm.md)",
        frozenset({"gpu", "awsbatch"}): "gpu is for one machine; leave it out, and name a queue "
        "of machines with GPUs: --aws_queue_gpu (docs/aws.md)",
        frozenset({"test", "slurm"}): _HERE,
        frozenset({"test", "awsbatch"}): _HERE,
        **{
            frozenset(pair): "a task runs in one kind of container; leave one out"
            for pair in combinations(_ENGINES, 2)
        },
        **{frozenset({"conda", name}): _OF_IMAGE for name in (*_ENGINES, "awsbatch")},
        **{frozenset({"awsbatch", name}): f"{_OF_BATCH}; leave {name} out" for name in _ENGINES},
    }
)
"""Pairs that contradict each other, with what to do. Of these, what holds would depend on the order
and on the version of Nextflow, or tasks would wait for what does not exist."""

PROFILES = frozenset({"demo"}).union(*_APART)
"""The profiles of nextflow.config."""


def problems_of_profiles(names: Iterable[str]) -> list[str]:
    """A line for each pair of the chosen profiles that cannot be used together."""
    chosen = list(dict.fromkeys(names))
    return [
        f"-profile {first},{second}: {_APART[frozenset((first, second))]}"
        for first, second in combinations(chosen, 2)
        if frozenset((first, second)) in _APART
    ]
