from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from virnucpro_core.embedding import _budget as budget

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
MIB = 1 << 20


def describe(root: Path, cpu: int, *caches: tuple[int, str, str]) -> None:
    for i, (level, size, shared) in enumerate(caches):
        folder = root / f"cpu{cpu}" / "cache" / f"index{i}"
        folder.mkdir(parents=True)
        (folder / "level").write_text(f"{level}\n")
        (folder / "size").write_text(f"{size}\n")
        (folder / "shared_cpu_list").write_text(f"{shared}\n")


def test_caches_of_the_second_and_third_level_count_once_and_by_share(tmp_path: Path) -> None:
    for cpu in range(4):
        describe(tmp_path, cpu, (1, "32K", f"{cpu}"), (2, "512K", f"{cpu}"), (3, "16M", "0-2,3"))
    assert budget.cache_bytes({0, 1, 2, 3}, tmp_path) == 4 * MIB // 2 + 16 * MIB
    # Half of the CPUs have half of what is shared.
    assert budget.cache_bytes({0, 2}, tmp_path) == 2 * MIB // 2 + 8 * MIB


def test_a_machine_that_does_not_tell_its_caches_has_usual_ones(tmp_path: Path) -> None:
    assert budget.cache_bytes({0}, tmp_path) == 32 * MIB
    describe(tmp_path, 0, (3, "what", "0"), (3, "1M", ""), (2, "", "0"))
    assert budget.cache_bytes({0}, tmp_path) == 32 * MIB


@pytest.mark.parametrize(
    ("n_cpus", "cache", "width", "dtype", "expected"),
    [
        # 7 · 1280 · 4 bytes a token.
        (2, 33 * MIB, 1280, torch.float32, 960),
        (2, 33 * MIB, 1280, torch.bfloat16, 1024),  # room for 1930: two cores gain nothing by it
        (16, 33 * MIB, 1280, torch.bfloat16, 1920),
        (2, 2 * MIB, 1280, torch.float32, 512),
        (1, 33 * MIB, 5120, torch.float32, 512),
    ],
)
def test_on_a_cpu_a_batch_stays_in_the_caches(
    monkeypatch: pytest.MonkeyPatch,
    n_cpus: int,
    cache: int,
    width: int,
    dtype: torch.dtype,
    expected: int,
) -> None:
    monkeypatch.setattr(budget, "usable_cpus", lambda: set(range(n_cpus)))
    monkeypatch.setattr(budget, "available_cpus", lambda: n_cpus)
    monkeypatch.setattr(budget, "cache_bytes", lambda _: cache)
    assert budget.token_budget_for(width, dtype, CPU) == expected


def test_a_task_with_some_of_the_cpus_has_their_share_of_the_caches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[set[int]] = []
    monkeypatch.setattr(budget, "usable_cpus", lambda: set(range(64)))
    monkeypatch.setattr(budget, "available_cpus", lambda: 2)
    monkeypatch.setattr(budget, "cache_bytes", lambda cpus: asked.append(cpus) or 512 * MIB)
    assert budget.token_budget_for(1280, torch.float32, CPU) == 1024
    assert asked == [{0, 1}]


@pytest.mark.parametrize(
    ("gib", "width", "expected"),
    [(139, 2560, 65_536), (8, 2560, 32_768), (0.5, 2560, 4_096), (8, 320, 65_536)],
)
def test_on_cuda_a_batch_fits_the_memory_whatever_is_free_at_the_moment(
    monkeypatch: pytest.MonkeyPatch, gib: float, width: int, expected: int
) -> None:
    total = int(gib * (1 << 30))
    card = SimpleNamespace(total_memory=total)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: card)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (total // 16, total))
    tokens = budget.token_budget_for(width, torch.bfloat16, CUDA)
    assert tokens == expected
    assert tokens == 4_096 or tokens * 18 * width * 2 <= total / 2


def test_this_machine_has_a_budget() -> None:
    tokens = budget.token_budget_for(1280, torch.float32, CPU)
    assert tokens >= 512
    assert tokens % 64 == 0
