# What the notebooks read, and the tables and figures made for them alone.
from pathlib import Path

from paper_code.reporting.notebooks.execute import modules_used, results_read

NOTEBOOKS = {
    path.stem: str(path) for path in sorted(Path(workflow.basedir, "notebooks").glob("*.ipynb"))
}

GATED = [name for name in SETTINGS["networks"] if name == "dalaresnet50"]


def all_runs(file="run.json"):
    """The files of every run that a comparison or Table II needs."""
    return list(
        dict.fromkeys(runs(DATASETS, SETTINGS["networks"], file) + runs(BREAKHIS, PLACED, file))
    )


def notebook_results(wildcards):
    """What a notebook reads of that which this configuration makes."""
    made = {os.path.normpath(str(file)) for file in planned_results()}
    wanted = [f"{OUTPUT}{file}" for file in results_read(NOTEBOOKS[wildcards.name])]
    return [file for file in wanted if file in made]


def epoch_results():
    """The table and figure of epochs, and the table of gates where DALAResNet50 is trained."""
    tables = ["convergence", *(["gate"] if GATED else [])]
    files = [f"{OUTPUT}tables/{name}.{end}" for name in tables for end in ("csv", "md")]
    return [*files, *(f"{OUTPUT}figures/convergence.{end}" for end in ("png", "pdf"))]


def planned_results():
    """Every table and figure of `rule all`."""
    files = [*all_tables(), *all_figures(), f"{OUTPUT}tables/audit.csv"]
    files += [*epoch_results(), *all_evidence()]
    return [*files, *([f"{OUTPUT}figures/figure_07_steps.npz"] if CAM_DATASETS else [])]


def all_notebooks():
    """Every notebook's page, and what only they read."""
    return [*epoch_results(), *(f"{RESULTS}/notebooks/{name}.html" for name in NOTEBOOKS)]
