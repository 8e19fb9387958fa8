"""The command line. Commands raise DataError; one place turns it into lines and exit code 2."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

from geodata.tables import DataError, Fault, fault, has_errors
from service.cli_init import init
from service.messages import STUDY_MESSAGES
from service.study import Study, load_study, study_schema

EXIT_OK, EXIT_NO, EXIT_BAD_INPUT = 0, 1, 2
LINES_PER_CODE = 20
"""More faults of one kind in one layer are counted, not printed (all of them with --json)."""
_STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}
Language = Literal["zh", "en"]


class Commands(TyperGroup):
    """Runs a command; bad input becomes one line per fault on standard error and exit code 2, never a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except DataError as error:
            print_faults(error.faults, ctx.params.get("lang") or "en", stderr=True)
            raise typer.Exit(EXIT_BAD_INPUT) from None
        except BrokenPipeError:  # whoever reads the output has seen enough
            raise
        except OSError as error:  # a full disk, a folder taken away meanwhile ...
            found = fault("file_failed", file=error.filename or "-", messages=STUDY_MESSAGES,
                          reason=error.strerror or str(error))
            print_faults([found], ctx.params.get("lang") or "en", stderr=True)
            raise typer.Exit(EXIT_BAD_INPUT) from None


app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
                  help="recynet: certified siting of three-tier recycling networks, with tours on real streets.")

Lang = Annotated[str, typer.Option(envvar="RECYNET_LANG", help="zh or en: language of messages")]
StudyFile = Annotated[Path, typer.Argument(metavar="STUDY", help="study file (YAML)")]
Overrides = Annotated[list[str] | None, typer.Option("--set", metavar="A.B=C", help="override one key; repeatable")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON for machines")]


@app.callback()
def _options(lang: Lang = "en") -> None:
    if lang not in ("zh", "en"):
        raise typer.BadParameter("write zh or en", param_hint="--lang")


@app.command()
def audit(context: typer.Context, study: StudyFile, overrides: Overrides = None, as_json: AsJson = False,
          fix: Annotated[Path | None, typer.Option(help="new folder for a study with what can be put right")] = None,
          ) -> None:
    """Every fault of a study's inputs, by feature id. Exit code: 0 no error, 1 errors, 2 an input is unreadable."""
    from service.checks import check_study, unreadable

    assert context.parent is not None
    language: Language = context.parent.params["lang"]
    if fix is not None:
        _fix(load_study(study, overrides or ()), fix, overrides or (), language)
    try:
        faults: Sequence[Fault] = check_study(load_study(study, overrides or ()), audit=True)
    except DataError as error:
        if not as_json:
            raise
        faults = error.faults
    if as_json:
        typer.echo(json.dumps(faults_as_json(study, faults), ensure_ascii=False, indent=2))
    else:
        print_faults(faults, language)
        typer.echo(_summary(faults, language))
    raise typer.Exit(EXIT_BAD_INPUT if unreadable(faults) else EXIT_NO if has_errors(faults) else EXIT_OK)


def _fix(study: Study, folder: Path, overrides: Sequence[str], language: Language) -> None:
    """Write the repaired study and tell how many changes there are of each kind."""
    from service.repaired_study import LOG, write_repaired

    try:
        fixed = write_repaired(study, folder, overrides)
    except FileExistsError as error:
        raise typer.BadParameter(str(error), param_hint="--fix") from error
    for code, count in Counter(repair.code for repair in fixed.repairs).items():
        typer.echo(f"fixed [{code}] {count}" if language == "en" else f"已修正 [{code}] {count}", err=True)
    left = sum(f.severity == "error" for f in fixed.left)
    typer.echo(f"errors left to you: {left}" if language == "en" else f"仍需人工处理的错误：{left}", err=True)
    typer.echo(f"{fixed.study}  {folder / LOG}", err=True)


@app.command()
def run(context: typer.Context, study: StudyFile, out: Annotated[Path, typer.Option("--out", help="result folder")],
        overrides: Overrides = None,
        seed: Annotated[int | None, typer.Option(help="seed of siting and routing")] = None,
        time_limit_s: Annotated[float | None, typer.Option("--time-limit", help="safety stop of siting, s")] = None,
        progress_file: Annotated[Path | None, typer.Option(help="append progress as JSON lines")] = None,
        as_json: AsJson = False) -> None:
    """Site and route a study and leave a result folder. Exit code: 0 plan, 1 no plan, 2 bad input."""
    from service.pipeline import RejectedPlanError
    from service.pipeline import run as run_study
    from service.rule_conflicts import ConflictingRulesError
    from service.run_report import show_result, watching

    assert context.parent is not None
    language: Language = context.parent.params["lang"]
    settings = [*(overrides or ()), *([] if seed is None else [f"solve.seed={seed}", f"routing.seed={seed}"]),
                *([] if time_limit_s is None else [f"solve.time_limit_s={time_limit_s}"])]
    loaded = load_study(study, settings)
    try:
        with watching(language, progress_file, quiet=as_json) as watch:
            result = run_study(loaded, out, watch)
    except ConflictingRulesError as error:
        typer.echo("\n".join(getattr(line, language) for line in error.lines), err=True)
        raise typer.Exit(EXIT_NO) from error
    except RejectedPlanError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_NO) from error
    if as_json:
        typer.echo(result.plan.model_dump_json(indent=1))
    else:
        show_result(result, language)
    raise typer.Exit(EXIT_NO if result.plan.status == "no_plan" else EXIT_OK)


@app.command()
def resolve(context: typer.Context, folder: Annotated[Path, typer.Argument(metavar="DIR", help="result folder")],
            edits: Annotated[Path, typer.Option("--edits", help="GeoJSON of edits, see docs/edits.md")],
            out: Annotated[Path | None, typer.Option("--out", help="new result folder; else DIR_edited")] = None,
            time_limit_s: Annotated[float | None, typer.Option("--time-limit", min=0.001,
                                                               help="safety stop of siting, s")] = None,
            full_routing: Annotated[bool, typer.Option("--full-routing", help="route with the study's effort")] = False,
            as_json: AsJson = False) -> None:
    """Edit a finished plan and solve it again from where it stands. Exit code: 0 plan, 1 no plan, 2 bad input."""
    from service.pipeline import RejectedPlanError, Result
    from service.resolve import ResolveSettings, default_target
    from service.resolve import resolve as resolve_plan
    from service.resolve_show import show_edits
    from service.run_report import show_result, watching

    assert context.parent is not None
    language: Language = context.parent.params["lang"]
    settings = ResolveSettings(full_routing=full_routing).limited(time_limit_s)
    try:
        with watching(language, None, quiet=as_json) as watch:
            found = resolve_plan(folder, edits, out or default_target(folder), settings, watch)
    except RejectedPlanError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_NO) from error
    if as_json:
        typer.echo(found.report.model_dump_json(indent=1))
    else:
        show_result(Result(found.folder, found.plan), language)
        show_edits(found, language)
    raise typer.Exit(EXIT_NO if found.plan.status == "no_plan" else EXIT_OK)


@app.command()
def verify(folder: Annotated[Path, typer.Argument(metavar="DIR", help="result folder")],
           inputs: Annotated[Path | None, typer.Option(help="folder that holds the input files")] = None,
           as_json: AsJson = False) -> None:
    """Recompute a result from its folder and inputs, without a solver. Exit code: 0 accepted, 1 rejected, 2 missing."""
    from service.verify import verify as verify_folder

    verdict = verify_folder(folder, inputs)
    if as_json:
        typer.echo(json.dumps(asdict(verdict), ensure_ascii=False, indent=1))
    else:
        for line in verdict.lines():
            typer.echo(line)
    raise typer.Exit(EXIT_OK if verdict.accepted else EXIT_NO)


@app.command()
def serve(data: Annotated[Path, typer.Option(help="folder of result folders")] = Path("out"),
          host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
          port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
          public_url: Annotated[str | None, typer.Option(help="address that links are made with")] = None) -> None:
    """Serve the API and the map of all results in a folder."""
    from service.cli_serve import serve as serve_folder

    serve_folder(data, host, port, public_url=public_url)


@app.command()
def export(folder: Annotated[Path, typer.Argument(metavar="DIR", help="result folder")],
           to: Annotated[Path, typer.Option("--to", help=".gpkg .geojson .csv .json .html or .zip")],
           layer: Annotated[str | None, typer.Option(help="layer, for .geojson and .csv")] = None) -> None:
    """Hand over a result in another format, by suffix."""
    from service.export import ExportError, export_run

    try:
        export_run(folder, to, layer)
    except ExportError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_BAD_INPUT) from error


app.command()(init)


@app.command()
def schema() -> None:
    """The JSON Schema of the study file."""
    typer.echo(json.dumps(study_schema(), ensure_ascii=False, indent=2))


def print_faults(faults: Iterable[Fault], language: Language = "en", stderr: bool = False) -> None:
    """Print one line per fault, at most LINES_PER_CODE of a kind in a layer, then how many more there are."""
    console = Console(stderr=stderr, soft_wrap=True, highlight=False)
    for (_, file, layer, code), group in groupby(faults, key=lambda f: (f.severity, f.file, f.layer, f.code)):
        of_kind = list(group)
        for found in of_kind[:LINES_PER_CODE]:
            line = Text(found.line(language))
            line.stylize(_STYLES[found.severity], 0, len(found.severity))
            console.print(line)
        more = len(of_kind) - LINES_PER_CODE
        if more > 0:
            place = " | ".join(p for p in (file, layer) if p)
            console.print(Text(f"... {place}: 另有 {more} 条 [{code}]，--json 可全部列出" if language == "zh" else
                               f"... {place}: {more} more of [{code}], all of them with --json"))


def faults_as_json(study: Path, faults: Sequence[Fault]) -> dict[str, object]:
    """The faults as a JSON document."""
    return {"schema_version": 1, "study": study.name, "counts": _counts(faults), "faults": [asdict(f) for f in faults]}


def _counts(faults: Iterable[Fault]) -> dict[str, int]:
    severities = [f.severity for f in faults]
    return {name: severities.count(name) for name in ("error", "warning", "note")}


def _summary(faults: Sequence[Fault], language: Language) -> str:
    counts = _counts(faults)
    if language == "zh":
        return f"错误 {counts['error']}，警告 {counts['warning']}，说明 {counts['note']}"
    return f"{counts['error']} errors, {counts['warning']} warnings, {counts['note']} notes"


def main() -> None:
    """Entry point of the console script."""
    for stream in (sys.stdout, sys.stderr):  # a Windows console may not default to UTF-8
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8")
    app()


if __name__ == "__main__":
    main()
