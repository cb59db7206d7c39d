"""Losses, accuracies and seconds of every epoch of every run."""

import pandas as pd

from paper_code.errors import UserError
from paper_code.reporting.markdown import write_table
from paper_code.reporting.pages import notes, provenance
from paper_code.reporting.verdicts import joined, run_obstacles
from paper_code.runs import Run, load_run


def write(output: str, *, runs: list[str], scale: str) -> None:
    """Write `output` (.csv, one row per run and epoch) and its .md."""
    loaded = [load_run(path, timing=True) for path in runs]
    table = pd.concat(
        [epochs(run, path, scale) for run, path in zip(loaded, runs, strict=True)],
        ignore_index=True,
    )
    page = [notes(__file__), provenance(table)]
    write_table(output, table, "Convergence", page)


def epochs(run: Run, path: str, scale: str) -> pd.DataFrame:
    """One row per epoch of one run: what it is of, then losses, accuracies and seconds.

    Raises:
        UserError: history.csv is missing or has another number of epochs than timing.json.
    """
    file = path.removesuffix("run.json") + "history.csv"
    try:
        history = pd.read_csv(file)
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: cannot be read ({error}). Train that run again.") from error
    seconds = run.timing["epoch_seconds"]
    if any(len(values) != len(history) for values in seconds.values()):
        raise UserError(f"{file}: not as many epochs as in timing.json. Train that run again.")
    facts = run.facts
    subset = {
        "dataset": run.dataset,
        "network": run.network,
        "splits": facts["by"],
        "split_seed": run.repeat[0],
        "seed": run.repeat[1],
    }
    after = {
        "selected_epoch": facts["selected_epoch"],
        "obstacles": joined(run_obstacles(facts, scale)),
        "hardware": run.timing["hardware"],
        "data": facts["data"]["description"],
        "weights": facts["weights"],
        "scale": scale,
    }
    measured = history.assign(**seconds).round(
        dict.fromkeys(("train_loss", "val_loss", "val_accuracy"), 6)
    )
    return pd.concat(
        [
            pd.DataFrame(subset, index=history.index),
            measured,
            pd.DataFrame(after, index=history.index),
        ],
        axis=1,
    )
