"""How many tokens a batch should hold on this machine."""

from __future__ import annotations

from pathlib import Path

import torch

from virnucpro_core._limits import available_cpus, usable_cpus

__all__ = ["token_budget_for"]

_CPUS = Path("/sys/devices/system/cpu")
_SUFFIXES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_USUAL_CACHE_BYTES = 32 << 20

# Numbers per token and width that a layer has in use at once: what goes into a matrix product and
# what comes out, at most 4 + 1 widths wide, the residual, and what the normalisation makes.
_LIVE_ON_CPU = 7
# Below, matrix products and the calls around them lose speed; above, nothing was gained with two
# cores even where the cache, which others use too, had room for more.
_LEAST_ON_CPU = 512
_MOST_PER_CORE = 512

# On a device nothing is freed in time for the next kernel: queries, keys and values before and
# after rotation, both sides of the feed-forward part, the residual, and the fp32 copy to pool.
_LIVE_ON_CUDA = 18
_LEAST_ON_CUDA = 4_096
_MOST_ON_CUDA = 65_536
# Of all memory, not of what is free: a task that waits for the device sees what the one before it
# uses, and the plan would depend on that moment. Weights and allocators need the rest.
_SHARE_OF_MEMORY = 0.4


def token_budget_for(width: int, dtype: torch.dtype, device: torch.device) -> int:
    """Tokens in a batch: on a CPU as many as the caches hold, on CUDA as the memory does.

    On a CPU a layer is fastest when its activations stay in the caches from one operation to the
    next. A CUDA device needs batches large enough to be busy; more memory than that is of no use.

    Args:
        width: D of the encoder.
        dtype: number format of the activations.
        device: where the encoder runs.

    Returns:
        A multiple of 64; on CUDA a power of two, so that cards that differ a little in their memory
        have the same plan.
    """
    bytes_per_width = width * dtype.itemsize
    if device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        tokens = int(total * _SHARE_OF_MEMORY) // (_LIVE_ON_CUDA * bytes_per_width)
        tokens = min(max(tokens, _LEAST_ON_CUDA), _MOST_ON_CUDA)
        return 1 << (tokens.bit_length() - 1)
    # Which of them will compute is not known beforehand, and the caches of all are alike.
    cpus = set(sorted(usable_cpus())[: available_cpus()])
    tokens = cache_bytes(cpus) // (_LIVE_ON_CPU * bytes_per_width)
    most = max(_LEAST_ON_CPU, _MOST_PER_CORE * len(cpus))
    return min(max(tokens, _LEAST_ON_CPU), most) // 64 * 64


def cache_bytes(cpus: set[int], root: Path = _CPUS) -> int:
    """Bytes of the second- and third-level caches that belong to ``cpus``.

    Of a cache that is shared with other CPUs, only the part that goes to these counts.

    Args:
        cpus: numbers of the CPUs.
        root: where the kernel describes them.
    """
    share_of: dict[tuple[int, str], float] = {}
    for cpu in cpus:
        for cache in (root / f"cpu{cpu}" / "cache").glob("index*"):
            try:
                level = int((cache / "level").read_text())
                size = (cache / "size").read_text().strip()
                shared = (cache / "shared_cpu_list").read_text().strip()
                sharing = _parse_cpus(shared)
                n_bytes = int(size[:-1]) * _SUFFIXES[size[-1]]
            except (OSError, ValueError, LookupError):
                continue  # not every kernel and virtual machine tells
            if level >= 2:
                share_of[level, shared] = n_bytes * len(sharing & cpus) / len(sharing)
    return round(sum(share_of.values())) or _USUAL_CACHE_BYTES


def _parse_cpus(text: str) -> set[int]:
    """``0-2,8`` is CPUs 0, 1, 2 and 8."""
    cpus: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        cpus.update(range(int(first), int(last or first) + 1))
    return cpus
