"""VirNucPro's own two result formats, for scripts that read them.

Source of the formats: ``prediction.py`` of VirNucPro, and the two score columns that Broad's
version adds to the second file. Both files are tab-separated, whatever their names say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from virnucpro_core.calling._chunks import ChunkScores
from virnucpro_core.store import FRAME_NAMES, FrameScores

__all__ = ["CHUNK_HEADER", "FRAME_HEADER", "chunk_lines", "frame_lines"]

FRAME_HEADER = b"Sequence_ID\tPrediction\tscore1\tscore2\n"
CHUNK_HEADER = b"Modified_ID\tIs_Virus\tmax_score_0\tmax_score_1\n"


def frame_lines(frames: FrameScores, ids: Sequence[str], first: int) -> Iterator[bytes]:
    """A line for every frame: its id, ``virus`` or ``others``, both scores.

    A tie is ``others`` here, as where VirNucPro takes the first of two equal maxima; its rule for
    chunks decides a tie the other way.

    Args:
        ids: record ids, from record number ``first`` on.
        first: number of the record that ``ids`` begins with.
    """
    virus = frames.scores[:, 1] > frames.scores[:, 0]
    # str() of a numpy float32 is the shortest text that reads back as the same float32.
    rows = zip(
        (frames.record_index - first).tolist(),
        frames.chunk.tolist(),
        frames.frame.tolist(),
        virus.tolist(),
        map(str, frames.scores[:, 0]),
        map(str, frames.scores[:, 1]),
        strict=True,
    )
    for record, chunk, frame, is_virus, score1, score2 in rows:
        label = "virus" if is_virus else "others"
        name = f"{ids[record]}_chunk_{chunk}{FRAME_NAMES[frame]}"
        yield f"{name}\t{label}\t{score1}\t{score2}\n".encode()


def chunk_lines(chunks: ChunkScores, ids: Sequence[str], first: int) -> Iterator[bytes]:
    """A line for every chunk: its id, True or False, the largest score of each class.

    Args:
        ids: record ids, from record number ``first`` on.
        first: number of the record that ``ids`` begins with.
    """
    rows = zip(
        (chunks.record_index - first).tolist(),
        chunks.chunk.tolist(),
        chunks.is_virus.tolist(),
        map(str, chunks.max_scores[:, 0]),
        map(str, chunks.max_scores[:, 1]),
        strict=True,
    )
    for record, chunk, is_virus, score1, score2 in rows:
        yield f"{ids[record]}_chunk_{chunk}\t{is_virus}\t{score1}\t{score2}\n".encode()
