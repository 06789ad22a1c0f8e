"""Every command of ours that the documentation names is one that the parsers know."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
import typer.main

from tests import documents
from tests.documents import PAGES, REPOSITORY, Block, Command, blocks, commands
from tests.unit.parameters.test_parameters import PROFILES, SCHEMA, given
from virnucpro_core.cli._main import app
from virnucpro_core.parameters import check_parameters

NEXTFLOW = {
    "-profile", "-resume", "-work-dir", "-w", "-params-file", "-c", "-ansi-log", "-dump-hashes",
}  # fmt: skip
"""Options of ``nextflow run`` that the pages use, besides the pipeline's parameters."""

COMMANDS = commands()


def known_profiles() -> set[str]:
    text = (REPOSITORY / "nextflow.config").read_text(encoding="utf-8")
    profiles = text[text.index("profiles {") :]
    return set(re.findall(r"^    (\w+) *\{", profiles, re.MULTILINE))


NO_CONTEXT = click.Context(click.Command("virnucpro"))


def is_placeholder(word: str) -> bool:
    return "…" in word or "..." in word


def problem(command: Command) -> str | None:
    """What the parsers say against a command."""
    ours = command.words[0] == "virnucpro"
    return problem_of_virnucpro(command) if ours else problem_of_nextflow(command)


def problem_of_virnucpro(command: Command) -> str | None:
    at = typer.main.get_command(app)
    words = [word for word in command.words[1:] if not is_placeholder(word)]
    while words and hasattr(at, "commands") and not words[0].startswith("-"):
        below = at.get_command(NO_CONTEXT, words[0])
        if below is None:
            return f"no command {words[0]!r}"
        at = below
        del words[0]
    known = {"--help", *(opt for each in at.params for opt in (*each.opts, *each.secondary_opts))}
    for word in words:
        option = word.split("=", 1)[0]
        if re.match(r"--?[a-zA-Z]", word) and option not in known:
            return f"no option {option}"
    is_leaf = not hasattr(at, "commands")
    if command.is_whole and is_leaf and len(words) == len(command.words[1:]) - depth(command):
        try:
            at.make_context("virnucpro", words)
        except Exception as error:
            # Typer may have a copy of click of its own, whose errors are other classes.
            if not hasattr(error, "format_message"):
                raise
            return str(error.format_message())
    return None


def depth(command: Command) -> int:
    """How many words name the command."""
    at, n = typer.main.get_command(app), 0
    for word in command.words[1:]:
        below = at.get_command(NO_CONTEXT, word) if hasattr(at, "commands") else None
        if below is None:
            break
        at, n = below, n + 1
    return n


def problem_of_nextflow(command: Command) -> str | None:
    # The shell puts something in the place of a variable before the pipeline sees the value.
    words = [re.sub(r"\$\w+", "x", word) for word in command.words[2:] if not is_placeholder(word)]
    parameters: dict[str, object] = {}
    profiles: list[str] = []
    for word, following in zip(words, [*words[1:], "-"], strict=True):
        if word.startswith("--"):
            name, has_value, value = word[2:].partition("=")
            is_flag = re.match(r"-[-a-zA-Z]|-$", following)
            parameters[name] = value if has_value else True if is_flag else following
        elif re.match(r"-[a-zA-Z]", word):
            if word not in NEXTFLOW:
                return f"no option {word} of nextflow run"
            if word == "-profile":
                profiles = re.split("[,/]", following)
    if unknown := set(profiles) - known_profiles():
        return f"no profile {unknown}"
    if "-params-file" in words:
        parameters.setdefault("input", "named in the file")
    present = {
        each.name: each.default
        for group in SCHEMA.groups
        if group.key in profiles or group.key not in PROFILES
        for each in group.parameters
    }
    errors = check_parameters(SCHEMA, {**given(), **present, **parameters}).errors
    if not command.is_whole:
        # A sentence may have a placeholder for a value, or name an old option to say it is refused.
        errors = tuple(each for each in errors if each.startswith("Unknown parameter"))
    return "; ".join(errors) or None


def test_commands_are_found_on_every_page_that_has_some() -> None:
    pages = {command.place.partition(",")[0] for command in COMMANDS}
    # One is made of the parameters' schema and has no commands.
    assert pages == set(PAGES) - {"docs/parameters.md"}
    assert len(COMMANDS) > 100


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_command_is_one_that_the_parsers_know(command: Command) -> None:
    assert problem(command) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("virnucpro prepair reads.fq", "no command 'prepair'"),
        ("virnucpro doctor devises", "no command 'devises'"),
        ("virnucpro prepare r.fq --sample s --window-size 5 --outdir w --fast", "no option --fast"),
        ("virnucpro prepare r.fq --sample s --window-size long --outdir w", "valid integer"),
        ("virnucpro model show", "MODEL"),
        ("nextflow run main.nf --imput reads.fq", "Unknown parameter --imput"),
        ("nextflow run main.nf --input r.fq --fdr 2", "--fdr is '2'"),
        ("nextflow run main.nf --input r.fq -resum", "no option -resum"),
        ("nextflow run main.nf --input r.fq -profile slrum", "no profile"),
        ("nextflow run main.nf --input r.fq --slurm_gres gpu:1", "add -profile slurm"),
    ],
)
def test_what_the_parsers_do_not_know_is_found(text: str, expected: str) -> None:
    found = problem(Command("a page", tuple(text.split()), is_whole=True))
    assert found is not None
    assert expected in found


def test_blocks_marks_and_commands_of_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "REPOSITORY", tmp_path)
    (tmp_path / "page.md").write_text(
        "Say `virnucpro model list`, not `virnucpro-500`.\n"
        "```bash\necho no\n```\n"
        "<!-- runnable needs=join,awk\ntouch old\n\n-->\n\n"
        "```bash\nX=1 virnucpro prepare \\\n  a.fq | tee log  # with a comment\n```\n"
        "- in a list\n\n  <!-- runnable -->\n"
        "  ```bash\n  for i in 1; do\n    echo $i\n  done\n  ```\n"
        '```bash\nnextflow run main.nf --model "$(virnucpro model fetch x)"\n```\n'
    )
    plain, marked, listed, last = blocks("page.md")
    assert plain == Block("page.md", 2, "bash", "echo no\n")
    assert (marked.runnable, marked.needs, marked.before) == (True, ("join", "awk"), "touch old")
    assert (listed.runnable, listed.text) == (True, "for i in 1; do\n  echo $i\ndone\n")
    assert not last.runnable
    found = [" ".join(command.words) for command in documents._of_page("page.md")]
    assert found == [
        "virnucpro prepare a.fq",
        "virnucpro model fetch x",
        "nextflow run main.nf --model $(virnucpro model fetch x)",
        "virnucpro model list",
    ]


def test_every_target_of_make_that_is_named_is_there() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):.*##", makefile, re.MULTILINE))
    named = {
        target
        for page in PAGES
        for target in re.findall(
            r"(?:^|`)make ([a-z][a-z-]*)", (REPOSITORY / page).read_text(encoding="utf-8"), re.M
        )
    }
    assert {"demo", "test", "check"} <= named
    assert named <= targets, named - targets


def test_marks_stand_before_a_block_of_bash_and_nowhere_else() -> None:
    for page in PAGES:
        marked = [block for block in blocks(page) if block.runnable]
        assert all(block.language == "bash" for block in marked)
        text = (REPOSITORY / page).read_text(encoding="utf-8")
        assert len(re.findall(r"^ *<!-- runnable", text, re.MULTILINE)) == len(marked), page
