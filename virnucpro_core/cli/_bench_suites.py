"""``virnucpro bench SUITE``, ``all`` and ``compare``: suites and their reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from virnucpro_core._limits import available_cpus
from virnucpro_core.benchmarking._suites import ALL, SUITES
from virnucpro_core.cli._embed_options import DeviceOption, PrecisionOption, ThreadsOption
from virnucpro_core.cli._options import check_choice, make_output
from virnucpro_core.cli._say import say
from virnucpro_core.errors import UsageError

__all__ = ["add_suites"]


def add_suites(app: typer.Typer) -> None:
    """Give ``app`` a command for each suite, one for all of them, and ``compare``."""
    for name, suite in SUITES.items():
        app.command(name, help=f"Suite: {suite.question}")(_command(name))
    app.command(ALL, help="Every suite, one after another, and a report of all.")(_command(ALL))
    app.command("compare")(compare)


def _command(name: str) -> Callable[..., None]:
    def command(
        model: Annotated[
            str, typer.Option(help="Model: a directory, a name ('model list') or s3://….")
        ] = "demo",
        input: Annotated[
            Path | None, typer.Option(help="Reads to measure with; default: the bundled ones.")
        ] = None,
        quick: Annotated[
            bool, typer.Option("--quick", help="Fewer records and rounds: a minute or so.")
        ] = False,
        against: Annotated[
            str | None, typer.Option(help="What to compare with, of a suite that compares.")
        ] = None,
        device: DeviceOption = "auto",
        precision: PrecisionOption = "auto",
        threads: ThreadsOption = 0,
        output: Annotated[
            Path, typer.Option(help="Directory for <suite>.md, <suite>.html and <suite>.json.")
        ] = Path(".bench/suites"),
    ) -> None:
        from virnucpro_core import benchmarking
        from virnucpro_core.embedding import Precision

        check_choice("--precision", precision, tuple(p.value for p in Precision))
        if input is not None and not input.is_file():
            raise UsageError("there is no such file", where=str(input))
        settings = benchmarking.SuiteSettings(
            model=model,
            input=input,
            quick=quick,
            against=against,
            device=device,
            precision=precision,
            threads=threads or available_cpus(),
        )
        names = list(SUITES) if name == ALL else [name]
        if against is not None and not any(SUITES[each].takes_against for each in names):
            raise UsageError(
                f"suite {name} compares with nothing else", remedy="leave out --against"
            )
        make_output(output)
        reports = {}
        for each in names:
            own = settings if SUITES[each].takes_against else replace(settings, against=None)
            reports[each] = benchmarking.run_suite(
                each, own, lambda text: say(text, to_stderr=True)
            )
            benchmarking.write_suite_report(reports[each], output)
        report = benchmarking.combine(reports, settings) if name == ALL else reports[name]
        if name == ALL:
            benchmarking.write_suite_report(report, output)
        say(benchmarking.render_markdown(report))
        say(f"Report: {output / f'{name}.html'}")
        # Now that what differs can be read in the report.
        benchmarking.refuse_unequal(report)

    return command


def compare(
    old: Annotated[Path, typer.Argument(help="JSON of a suite.", metavar="OLD.json")],
    new: Annotated[Path, typer.Argument(help="JSON of the same suite.", metavar="NEW.json")],
) -> None:
    """Ratios of two reports of one suite, and which changes are beyond the spread."""
    from virnucpro_core import benchmarking

    comparison = benchmarking.compare_suites(
        benchmarking.read_suite_report(old), benchmarking.read_suite_report(new)
    )
    for warning in comparison.warnings:
        say(f"virnucpro: warning: {warning}", to_stderr=True)
    say(str(comparison))
