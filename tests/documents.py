"""The shell commands of the documentation: those of its blocks, and those named in its sentences.

A block that a test runs has a comment before it, which a reader does not see::

    <!-- runnable -->

    <!-- runnable needs=join,awk
    printf 'what the commands find there' > old.txt
    -->

``needs`` names programs without which the block is left out; the lines below the first are run
before the block. The blocks of a page run in their order, in one folder.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PAGES", "REPOSITORY", "Block", "Command", "blocks", "commands"]

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = tuple(
    str(path.relative_to(REPOSITORY))
    for path in (
        REPOSITORY / "README.md",
        REPOSITORY / "CONTRIBUTING.md",
        *sorted((REPOSITORY / "docs").glob("*.md")),
    )
)

_MARK = re.compile(r"<!-- runnable(?P<options>[^\n]*?)(?:\n(?P<before>.*?))?\s*-->", re.DOTALL)
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_INNER = re.compile(r"\$\(([^()]*)\)")
_SHELLS = ("bash", "sh", "console")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page.

    Attributes:
        page: its path in the repository.
        line: where its fence begins, from 1.
        language: what its fence names.
        text: what is in it.
        runnable: whether it is marked.
        needs: programs that it cannot do without.
        before: shell lines that are run before it.
    """

    page: str
    line: int
    language: str
    text: str
    runnable: bool = False
    needs: tuple[str, ...] = ()
    before: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """A command of ours on a page.

    Attributes:
        place: page and line.
        words: ``virnucpro …`` or ``nextflow run …``, without what redirects and joins it.
        is_whole: whether it is of a block, to be typed as it stands; one in a sentence may leave
            out what it needs.
    """

    place: str
    words: tuple[str, ...]
    is_whole: bool

    def __str__(self) -> str:
        return f"{self.place}: {shlex.join(self.words)}"


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    found = []
    for fence in _FENCE.finditer(text):
        indent = len(fence[1])
        content = "".join(line[indent:] or "\n" for line in fence[3].splitlines(keepends=True))
        line = text.count("\n", 0, fence.start()) + 1
        mark = _mark_before(text[: fence.start()])
        if mark is None:
            found.append(Block(page, line, fence[2], content))
            continue
        options = dict(word.split("=", 1) for word in mark["options"].split())
        needs = tuple(filter(None, options.pop("needs", "").split(",")))
        if options:
            raise ValueError(f"{page}, line {line}: no such option of 'runnable': {options}")
        found.append(Block(page, line, fence[2], content, True, needs, mark["before"] or ""))
    return found


def _mark_before(text: str) -> re.Match[str] | None:
    """The mark that the text ends with."""
    start = text.rfind("<!-- runnable")
    return None if start < 0 else _MARK.fullmatch(text[start:].rstrip())


def commands() -> list[Command]:
    """Every ``virnucpro …`` and ``nextflow run …`` of all pages."""
    return [command for page in PAGES for command in _of_page(page)]


def _of_page(page: str) -> Iterator[Command]:
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    for block in blocks(page):
        if block.language in _SHELLS:
            place = f"{page}, line {block.line}"
            for line in block.text.replace("\\\n", " ").splitlines():
                line = line.removeprefix("$ ") if block.language == "console" else line
                for words in _split(line):
                    yield Command(place, words, is_whole=True)
    # Lines stay where they are.
    sentences = _FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), text)
    for span in _SPAN.finditer(sentences):
        content = " ".join(span[1].split()).replace("\\|", "|")
        if re.match(r"(virnucpro|nextflow run) ", content):
            place = f"{page}, line {sentences.count(chr(10), 0, span.start()) + 1}"
            for words in _split(content.replace("|", "/")):
                yield Command(place, words, is_whole=False)


def _split(line: str) -> Iterator[tuple[str, ...]]:
    """The commands of ours in a line of shell; those within others first."""
    if not re.search(r"\b(virnucpro|nextflow run)\s", line):
        return
    for inner in _INNER.findall(line):
        yield from _split(inner)
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if not set(word) <= set(";&|<>()"):
            words.append(word)
            continue
        while words and re.match(r"\w+=", words[0]):
            del words[0]
        if words[:1] == ["virnucpro"] or words[:2] == ["nextflow", "run"]:
            yield tuple(words)
        words = []
