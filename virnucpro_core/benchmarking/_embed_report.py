"""What the embedding benchmark measured, as data, as Markdown tables and as JSON."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

__all__ = ["ContestantRow", "EmbedReport", "ScalingPoint", "WholePath", "WorkloadTable"]


@dataclass(slots=True)
class ContestantRow:
    """One contestant on one workload.

    Attributes:
        name: of the contestant.
        precision: number format; empty where it could not be loaded.
        reason: why there are no seconds, or what is special about them; empty otherwise.
        load_seconds: to load the model.
        peak_rss: bytes, the most memory the process had while loading.
        seconds: of each round, in order.
        limits: best matrix products next to each round in operations per second; ours only.
        fraction: share of the workload's tokens that ``seconds`` are about.
        cosine: smallest cosine between its embeddings and ours in fp32.
    """

    name: str
    precision: str = ""
    reason: str = ""
    load_seconds: float | None = None
    peak_rss: int | None = None
    seconds: list[float] = field(default_factory=list)
    limits: list[float] = field(default_factory=list)
    fraction: float = 1.0
    cosine: float | None = None

    @property
    def whole(self) -> list[float]:
        """Seconds of each round for the whole workload."""
        return [seconds / self.fraction for seconds in self.seconds]


@dataclass(slots=True)
class WorkloadTable:
    """All contestants on one workload.

    Attributes:
        model: name of the encoder.
        workload: name of the workload.
        n_sequences, n_tokens: what a round embeds; special tokens count, padding does not.
        linear: operations of the linear layers.
        attention: operations of the attention, not in ``linear``.
        rows: first the contestant that ratios are taken to.
    """

    model: str
    workload: str
    n_sequences: int
    n_tokens: int = 0
    linear: int = 0
    attention: int = 0
    rows: list[ContestantRow] = field(default_factory=list)

    def ratios(self, row: ContestantRow, to: ContestantRow) -> list[float]:
        """``row``'s seconds over ``to``'s of the same round; a single run meets the median."""
        if len(row.seconds) == len(to.seconds):
            return [a / b for a, b in zip(row.whole, to.whole, strict=True)]
        return [a / statistics.median(to.whole) for a in row.whole] if to.seconds else []

    def shares(self, row: ContestantRow) -> list[float]:
        """Share of the machine's limit in each round; empty where it was not measured."""
        pairs = zip(row.seconds, row.limits, strict=False)
        return [self.linear / seconds / limit for seconds, limit in pairs]

    def __str__(self) -> str:
        ours = [row for row in self.rows if row.name == "virnucpro" and row.seconds]
        lines = [
            f"{self.model}, {self.workload}: {self.n_sequences} sequences, {self.n_tokens} tokens,"
            f" {self.linear / 1e12:.3g} TFLOP in linear layers and {self.attention / 1e12:.2g} in"
            " attention",
            "",
            "| contestant | precision | sequences/s (min–max) | tokens/s | TFLOP/s | of the limit |"
            + "".join(f" time / ours {row.precision} (min–max) |" for row in ours)
            + " cosine | load s | peak GB |",
            "|" + "---|" * (9 + len(ours)),
        ]
        lines += [self._line(row, ours) for row in self.rows]
        notes = [
            f"{row.name} {row.precision}".rstrip() + f": {row.reason}"
            for row in self.rows
            if row.reason
        ]
        return "\n".join([*lines, "", *(f"- {note}" for note in notes)]).rstrip()

    def _line(self, row: ContestantRow, ours: Sequence[ContestantRow]) -> str:
        cells = [row.name, row.precision or "–"]
        if row.seconds:
            middle = statistics.median(row.whole)
            cells += [
                _spread([self.n_sequences / seconds for seconds in row.whole]),
                f"{self.n_tokens / middle:.0f}",
                f"{self.linear / middle / 1e12:.3f}",
                _spread(self.shares(row)),
                *(_spread(self.ratios(row, mine)) for mine in ours),
            ]
        else:
            cells += ["not measured, see below", *[""] * (3 + len(ours))]
        cells.append("" if row.cosine is None else f"{row.cosine:.4f}")
        cells.append("" if row.load_seconds is None else f"{row.load_seconds:.1f}")
        cells.append("" if row.peak_rss is None else f"{row.peak_rss / 1e9:.2f}")
        return f"| {' | '.join(cells)} |"


@dataclass(frozen=True, slots=True)
class WholePath:
    """A frame's DNA and protein through both encoders: the first VirNucPro's way against ours.

    Attributes:
        model: the protein encoder.
        precision: of ours.
        first: seconds per frame of each round, padded, fp32.
        ours: seconds per frame of the same rounds.
    """

    model: str
    precision: str
    first: list[float]
    ours: list[float]

    @property
    def ratios(self) -> list[float]:
        """``first`` over ``ours``, round by round."""
        return [a / b for a, b in zip(self.first, self.ours, strict=True)]


@dataclass(frozen=True, slots=True)
class ScalingPoint:
    """Seconds for a number of sequences with some threads in some processes.

    Attributes:
        sweep: ``"threads"``, ``"processes"`` or ``"sequences"``.
        n_threads: threads of each process.
        n_processes: processes that share the sequences.
        n_sequences: sequences of all processes.
        seconds: median until the last process was done.
    """

    sweep: str
    n_threads: int
    n_processes: int
    n_sequences: int
    seconds: float


@dataclass(slots=True)
class EmbedReport:
    """Everything that `measure_embed` measured.

    Attributes:
        machine: processor, cores, memory, versions.
        rounds: rounds after the warm-up.
        tables: a table for each model and workload.
        whole_paths: both encoders together, for each protein model and precision of ours.
        scaling: of ours.
        scaling_model: the model that ``scaling`` is about.
        left_out: what was asked for and not measured, in words.
    """

    machine: dict[str, str]
    rounds: int
    tables: list[WorkloadTable] = field(default_factory=list)
    whole_paths: list[WholePath] = field(default_factory=list)
    scaling: list[ScalingPoint] = field(default_factory=list)
    scaling_model: str = ""
    left_out: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        machine = ", ".join(f"{key} {value}" for key, value in self.machine.items())
        parts = [f"{machine}; medians of {self.rounds} rounds", *map(str, self.tables)]
        if self.whole_paths:
            lines = ["| both encoders, a frame | first VirNucPro s | ours s | ratio (min–max) |"]
            lines.append("|---|---|---|---|")
            lines += [
                f"| {path.model} and DNABERT-S, {path.precision} |"
                f" {statistics.median(path.first):.4f} | {statistics.median(path.ours):.4f} |"
                f" {_spread(path.ratios)} |"
                for path in self.whole_paths
            ]
            parts.append("\n".join(lines))
        if self.scaling:
            parts.append(self._scaling())
        parts += [f"Left out: {reason}" for reason in self.left_out]
        return "\n\n".join(parts)

    def to_json(self) -> str:
        """Every number of the report."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def straightness(self) -> float | None:
        """R² of the line of seconds against sequences; None with fewer than three points."""
        points = [p for p in self.scaling if p.sweep == "sequences"]
        if len(points) < 3:
            return None
        x, y = [float(p.n_sequences) for p in points], [p.seconds for p in points]
        return statistics.correlation(x, y) ** 2

    def _scaling(self) -> str:
        lines = [
            f"Scaling of ours, {self.scaling_model}:",
            "",
            "| sweep | processes × threads | sequences | seconds | sequences/s |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| {p.sweep} | {p.n_processes} × {p.n_threads} | {p.n_sequences} | {p.seconds:.2f} |"
            f" {p.n_sequences / p.seconds:.2f} |"
            for p in self.scaling
        ]
        straight = self.straightness()
        if straight is not None:
            lines += ["", f"Seconds against sequences are a line with R² = {straight:.4f}."]
        return "\n".join(lines)


def _spread(values: Sequence[float]) -> str:
    if not values:
        return ""
    middle = f"{statistics.median(values):.2f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.2f}–{max(values):.2f})"
