"""What the head job asks before the first task: a JSON object in, a JSON object out."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from virnucpro_core.parameters import answer

json.dump(answer(json.load(sys.stdin), Path(__file__).resolve().parents[2]), sys.stdout)
