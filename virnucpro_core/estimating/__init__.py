"""What a run will take on this machine, told from a part of its reads before it starts."""

from virnucpro_core.estimating._estimate import Estimate, StageEstimate, estimate
from virnucpro_core.estimating._look import Counts, Look, choose_samples, look_at, size_of
from virnucpro_core.estimating._memory import (
    device_peak_bytes,
    forget_device_peak,
    forget_peak,
    peak_bytes,
)
from virnucpro_core.estimating._rates import RateSettings, some_frames
from virnucpro_core.estimating._spread import Spread
from virnucpro_core.estimating._table import render_estimate

__all__ = [
    "Counts",
    "Estimate",
    "Look",
    "RateSettings",
    "Spread",
    "StageEstimate",
    "choose_samples",
    "device_peak_bytes",
    "estimate",
    "forget_device_peak",
    "forget_peak",
    "look_at",
    "peak_bytes",
    "render_estimate",
    "size_of",
    "some_frames",
]
