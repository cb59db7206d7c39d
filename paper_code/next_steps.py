"""What a finished run of the workflow prints: where its results are, and what to try next."""

import csv
import shlex
import shutil
import sys
from pathlib import Path

from paper_code.plan import DALA, Plan
from paper_code.runs import PREDICTIONS, WEIGHTS


def next_steps(plan: Plan, programs: str) -> str:
    """Paths and commands; only what is there is named.

    Args:
        plan: of the run.
        programs: what `python` is called with: "" or a folder and "/".
    """
    lines = [f"Tables: {plan.output}tables/    Figures: {plan.output}figures/"]
    for page in plan.files("page"):
        if Path(page).is_file():
            lines.insert(0, f"Does the paper hold? {page}")
    if Path(plan.root, "report.html").is_file():
        lines.append(f"Everything on one page, for a browser: {plan.root}/report.html")
    commands = list(_commands(plan))
    if commands:
        lines.append("Try next:")
        lines += [f"    {programs}python -m paper_code {command}" for command in commands]
    return "\n".join(lines)


def _commands(plan: Plan):
    """Commands on a run of this plan: one of DALAResNet50 with weights, where there is one."""
    runs = {run: Path(plan.root, "runs", run.folder) for run in plan.runs}
    kept = [run for run, folder in runs.items() if (folder / WEIGHTS).is_file()]
    kept.sort(key=lambda run: run.network != DALA)
    if kept:
        weights = f"--weights {shlex.quote(str(runs[kept[0]] / WEIGHTS))}"
        images = shlex.quote(_images(plan, kept[0].dataset))
        yield f"predict {images} {weights} -o {plan.root}/classes.csv"
        yield f"explain {images} {weights} -o {plan.root}/maps"
    finished = [run for run in [*kept, *runs] if (runs[run] / PREDICTIONS).is_file()]
    if finished:
        folder = shlex.quote(str(runs[finished[0]]))
        yield f"evaluate {folder} -o {plan.root}/metrics.csv"


def _images(plan: Plan, dataset: str) -> str:
    """The folder of a data set's first image."""
    path = Path(plan.root, "prepared", dataset, "manifest.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return str(Path(next(csv.DictReader(file))["path"]).parent)


def programs() -> str:
    """What `python` and `snakemake` of this environment are called with: "" if they are found."""
    folder = Path(sys.executable).parent
    found = shutil.which("python")
    if found and Path(found).parent == folder:
        return ""
    inside = folder.is_relative_to(Path.cwd())
    return f"{shlex.quote(str(folder.relative_to(Path.cwd()) if inside else folder))}/"
