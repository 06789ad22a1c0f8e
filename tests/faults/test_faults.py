"""A few of the runs that ``make faults`` makes by the hundred."""

from __future__ import annotations

import pytest

from tests.faults import embed_tool, pipeline

pytestmark = [pytest.mark.slow, pytest.mark.long]


@pytest.fixture(scope="module")
def tool_world(tmp_path_factory: pytest.TempPathFactory) -> embed_tool.EmbedWorld:
    return embed_tool.make_world(tmp_path_factory.mktemp("tool"))


@pytest.fixture(scope="module")
def pipeline_world(tmp_path_factory: pytest.TempPathFactory) -> pipeline.PipelineWorld:
    return pipeline.make_world(tmp_path_factory.mktemp("pipeline"))


@pytest.mark.parametrize(
    "kind",
    [
        "KILL while a part is written",
        "TERM, and KILL at once",
        "paused, then goes on beside the next",
    ],
)
def test_a_disturbed_embedding_ends_in_the_same_bytes(
    tool_world: embed_tool.EmbedWorld, kind: str
) -> None:
    outcome = embed_tool.disturb(tool_world, kind, seed=0)
    assert outcome.wrong == []


@pytest.mark.pipeline
@pytest.mark.parametrize(
    "kind",
    ["pipeline: KILL to all processes", "pipeline: TERM to an embedding task"],
)
def test_a_disturbed_pipeline_ends_in_the_same_bytes(
    pipeline_world: pipeline.PipelineWorld, kind: str
) -> None:
    outcome = pipeline.disturb(pipeline_world, kind, seed=0)
    assert outcome.wrong == []
