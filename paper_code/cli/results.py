"""Commands that make results from files: table, figure, summary, report, notebook ...; doctor."""

import argparse
import importlib
from pathlib import Path

from paper_code.cli.options import SCALES, add_output, positive
from paper_code.errors import UserError
from paper_code.files import read_json
from paper_code.reporting.catalogue import RESULTS, Result, find_result, in_order


def _keys(kind: str) -> str:
    return ", ".join(result.key for result in RESULTS if result.kind == kind)


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prepared", nargs="+", help="folders of prepared data sets")
    parser.add_argument("--splits", nargs="+", help="split CSVs, in the order of --prepared")
    parser.add_argument("--runs", nargs="+", help="folders of runs, or their run.json files")
    parser.add_argument("--cams", nargs="+", help="folders of scored maps, or their cam.json files")
    parser.add_argument("--tables", nargs="*", help="CSV files of tables")
    parser.add_argument("--patients", nargs="+", help="CSV files of the command 'crossover'")
    parser.add_argument("--lists", help="folder of the lists about BreakHis")
    parser.add_argument("--dataset", help="a data set of yours, for a table of one")
    parser.add_argument("--resamples", type=positive, help="of the bootstrap intervals")
    parser.add_argument("--scale", choices=SCALES, help="for the record")


def add_table(parser: argparse.ArgumentParser) -> None:
    """Build one table from files; each table uses only some of the options."""
    parser.add_argument("name", metavar="TABLE", help=f"one of {_keys('table')}")
    _add_inputs(parser)
    add_output(parser, ".csv to write; the .md comes beside it")


def run_table(args: argparse.Namespace) -> None:
    make_result(find_result("table", args.name), args)


def add_figure(parser: argparse.ArgumentParser) -> None:
    """Draw one figure from files; each figure uses only some of the options."""
    parser.add_argument("name", metavar="FIGURE", help=f"one of {_keys('figure')}")
    _add_inputs(parser)
    add_output(parser, ".png to write; the .pdf comes beside it")


def run_figure(args: argparse.Namespace) -> None:
    make_result(find_result("figure", args.name), args)


def add_summary(parser: argparse.ArgumentParser) -> None:
    """Write one page that answers whether the paper holds, from tables made before."""
    parser.add_argument("--tables", nargs="*", default=[], help="CSV files of tables")
    parser.add_argument("--scale", choices=SCALES, required=True, help="for the record")
    parser.add_argument("--readme", help="README.md whose answer is written anew too")
    add_output(parser, ".md to write")


def run_summary(args: argparse.Namespace) -> None:
    from paper_code.reporting.claims.summary import write_answer

    make_result(find_result("page", "summary"), args)
    if args.readme:
        write_answer(args.readme, tables=args.tables)


def make_result(result: Result, args: argparse.Namespace) -> None:
    """Call the result's module with the options that its entry names, and its constants.

    Raises:
        UserError: an option is missing, or runs or data sets do not belong into this result.
    """
    given = {name: getattr(args, name, None) for name in result.options}
    missing = [f"--{name}" for name, value in given.items() if value is None]
    if missing:
        raise UserError(f"{result.kind} {result.key} needs {', '.join(missing)}.")
    for option, file in (("runs", "run.json"), ("cams", "cam.json"), ("prepared", "source.json")):
        if option in given:
            paths = [_file_in(path, file, option) for path in given[option]]
            for path in paths:
                _check_belongs(result, path)
            given[option] = [str(path.parent if option == "prepared" else path) for path in paths]
    module = importlib.import_module(result.dotted_module)
    function = module.draw if result.kind == "figure" else module.write
    function(args.output, **given, **result.constants)


def _file_in(path: str, name: str, option: str) -> Path:
    """The file called `name` that `path` is, or that lies in the folder `path`."""
    file = Path(path) / name if Path(path).is_dir() or option == "prepared" else Path(path)
    if file.name != name or not file.is_file():
        raise UserError(f"--{option}: {file} is not a {name}. Give the folder that holds one.")
    return file


def _check_belongs(result: Result, path: Path) -> None:
    """Raise UserError if a run or data set is of another selection than the result's."""
    facts = read_json(path)
    dataset = facts.get("dataset")
    if dataset is None:
        raise UserError(f"{path}: does not name its data set. Make it again.")
    allowed = result.allowed_datasets
    if allowed is not None and dataset not in allowed:
        raise UserError(
            f"{path} is about {dataset}, but {result.kind} {result.key} is about "
            f"{', '.join(allowed)}. Leave it out."
        )


def add_report(parser: argparse.ArgumentParser) -> None:
    """Put every table and figure into one HTML page.

    It opens with the answer where a summary is given, else with the results on your own data.
    """
    parser.add_argument(
        "--tables", nargs="*", default=[], help="CSV files with the .md beside them"
    )
    parser.add_argument("--figures", nargs="*", default=[], help="PNG files")
    parser.add_argument("--summary", nargs="?", help=".md of the command 'summary'")
    parser.add_argument("--phantoms", nargs="*", default=[], help="data sets that are synthetic")
    add_output(parser, ".html to write")


def run_report(args: argparse.Namespace) -> None:
    from paper_code.reporting.html import write_report

    entries = in_order(Path(path).stem for path in [*args.tables, *args.figures])
    write_report(
        args.output,
        tables=args.tables,
        figures=args.figures,
        summary=args.summary,
        about={name: (entry.group, entry.caption) for name, entry in entries.items()},
        phantoms=args.phantoms,
    )


def add_steps(parser: argparse.ArgumentParser) -> None:
    """Keep the steps of DT Grad-CAM on one image, for the notebook on maps."""
    parser.add_argument("--cams", nargs="+", required=True, help="cam.json files")
    add_output(parser, ".npz to write")


def run_steps(args: argparse.Namespace) -> None:
    from paper_code.reporting.notebooks.steps import write_steps

    write_steps(args.output, cams=args.cams)


def add_notebook(parser: argparse.ArgumentParser) -> None:
    """Execute notebooks against results: to HTML, or in place."""
    parser.add_argument("notebooks", nargs="+", help=".ipynb files")
    parser.add_argument("--results", default=".", help="folder with tables/ and figures/")
    parser.add_argument("--html", help="folder for NAME.html; without it the files are rewritten")


def run_notebook(args: argparse.Namespace) -> None:
    from paper_code.reporting.notebooks.execute import execute_notebooks

    execute_notebooks(args.notebooks, args.results, args.html)


def add_doctor(parser: argparse.ArgumentParser) -> None:
    """What this machine can do: hardware, disk, data, weights, time of each scale.

    The exit status is 1 if something stands in the way of a run.
    """
    parser.add_argument("--data-root", help="folder of the data sets (default: from the config)")
    parser.add_argument(
        "--configfile", help="your configuration (default: config/config.yaml)", metavar="FILE"
    )


def run_doctor(args: argparse.Namespace) -> int:
    from paper_code.doctor import doctor

    return 1 if doctor(args.data_root, args.configfile) else 0


COMMANDS = {
    "table": (add_table, run_table),
    "figure": (add_figure, run_figure),
    "summary": (add_summary, run_summary),
    "report": (add_report, run_report),
    "steps": (add_steps, run_steps),
    "notebook": (add_notebook, run_notebook),
    "doctor": (add_doctor, run_doctor),
}
