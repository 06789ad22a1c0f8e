"""Suite ``throughput``: frames and tokens per second of each encoder at several lengths."""

from __future__ import annotations

from virnucpro_core.benchmarking._encoder_bench import KINDS, EncoderBench, open_bench
from virnucpro_core.benchmarking._suite_report import Panel, Point, SuiteReport, Target
from virnucpro_core.benchmarking._suite_settings import SuiteSettings
from virnucpro_core.benchmarking._suites import Say
from virnucpro_core.benchmarking._workloads import Workload
from virnucpro_core.store import ByteStrings

__all__ = ["measure"]

_LENGTHS = {"dna": (100, 300, 500, 1_000), "protein": (33, 100, 166, 333)}
"""Bases, and the residues of the same frames."""
_LETTERS, _QUICK_LETTERS = 200_000, 30_000
LEAST_RATIO = 0.5


def measure(settings: SuiteSettings, say: Say) -> SuiteReport:
    """Embed random sequences of one length, all lengths in turn."""
    resolved = settings.embed_settings()
    n_letters = _QUICK_LETTERS if settings.quick else _LETTERS
    frames: list[Point] = []
    tokens: list[Point] = []
    targets: list[Target] = []
    for kind in KINDS:
        bench = open_bench(settings.model, kind, resolved)
        say(f"{bench.name}, {settings.rounds} rounds of {len(_LENGTHS[kind])} lengths")
        work = {
            length: _sequences(Workload("", kind, length, length), n_letters // length)
            for length in _LENGTHS[kind]
        }
        speeds = _measure(bench, work, settings.rounds)
        unit = "nt" if kind == "dna" else "aa"
        mine = []
        for length, rounds in speeds.items():
            name = f"{bench.name}, {length} {unit}"
            frames.append(Point(name, tuple(speed[0] for speed in rounds), length, bench.name))
            mine.append(Point(name, tuple(speed[1] for speed in rounds), length, bench.name))
        tokens += mine
        targets.append(
            Target(
                f"tokens/s at the worst length over the best, {bench.name}",
                "at least",
                LEAST_RATIO,
                min(point.median for point in mine) / max(point.median for point in mine),
                "without padding a token costs about the same at every length; only attention, a "
                "few percent of the time, grows with it",
            )
        )
    return SuiteReport(
        suite="throughput",
        settings={**settings.to_json(), "letters": n_letters},
        panels=[
            Panel("Frames per second", "frames/s", tuple(frames), "higher", "length of a frame"),
            Panel("Tokens per second", "tokens/s", tuple(tokens), "higher", "length of a frame"),
        ],
        targets=targets,
        notes=[
            "Random sequences, the same at every run; from letters to mean embeddings, without "
            "loading weights. Special tokens count."
        ],
    )


def _sequences(workload: Workload, number: int) -> ByteStrings:
    return ByteStrings.from_iterable(text.encode() for text in workload.sequences(number))


def _measure(
    bench: EncoderBench, work: dict[int, ByteStrings], rounds: int
) -> dict[int, list[tuple[float, float]]]:
    """Frames and tokens a second for each length, round by round after one to warm up."""
    speeds: dict[int, list[tuple[float, float]]] = {length: [] for length in work}
    for number in range(-1, rounds):
        for length, strings in work.items():
            done = bench.embed(strings)
            if number >= 0:
                speed = (done.n_unique / done.seconds, done.n_tokens / done.seconds)
                speeds[length].append(speed)
    return speeds
