"""Which translation frames a window has: the rule belongs to the classifier, and so to its bundle.

- ``complete``, VirNucPro's: those of the six frames whose codons, all of them, are free of stops.
- ``longest``: the same; and where none of the six is, the one with the longest stop-free stretch.
"""

from __future__ import annotations

from typing import Literal, get_args

from virnucpro_core.errors import UsageError

__all__ = [
    "FRAME_RULES",
    "FrameRule",
    "describe_frame_rule",
    "parse_frame_rule",
    "unlike_training",
]

FrameRule = Literal["complete", "longest"]

FRAME_RULES: tuple[FrameRule, ...] = get_args(FrameRule)


def parse_frame_rule(text: str) -> FrameRule:
    """The rule of that name.

    Raises:
        UsageError: there is none.
    """
    for rule in FRAME_RULES:
        if text == rule:
            return rule
    raise UsageError(f"the frame rule is '{text}'", remedy=f"give {' or '.join(FRAME_RULES)}")


def describe_frame_rule(rule: FrameRule) -> str:
    """A sentence for people: which frames a window has."""
    if rule == "complete":
        return (
            "A frame of a window is one of its six translations without a stop codon; a window can "
            "have none."
        )
    return (
        "A frame of a window is one of its six translations without a stop codon; where there is "
        "none, the one with the longest stretch without, and that stretch is its protein."
    )


def unlike_training(used: FrameRule, trained: FrameRule) -> str | None:
    """A clause of warning where a classifier judges frames of another rule than it was fitted to.

    Args:
        used: by which the frames were found.
        trained: the classifier's, which its bundle names.
    """
    if used == trained:
        return None
    return (
        f"frames were found by the rule '{used}', but the model's classifier was trained and "
        f"calibrated on those of the rule '{trained}': calls and probabilities are outside of "
        "what it was trained and calibrated on"
    )
