"""What tables and figures read: prepared data sets, splits and finished runs, as files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from paper_code.datasets.tables import read_listed
from paper_code.errors import UserError
from paper_code.files import read_csv, read_json
from paper_code.progress import count_text

# The files of a run, in its folder.
FACTS = "run.json"
PREDICTIONS = "predictions.csv"
HISTORY = "history.csv"
TIMING = "timing.json"
WEIGHTS = "weights.safetensors"
CARD = "model_card.md"  # of weights that stay
OF_RUN = (FACTS, PREDICTIONS, HISTORY, TIMING, WEIGHTS, CARD)


@dataclass(frozen=True)
class Run:
    """A finished run: `run.json`, the table of images, and `timing.json` where it was asked for."""

    facts: dict
    predictions: pd.DataFrame
    timing: dict | None = None

    @property
    def dataset(self) -> str:
        return self.facts["dataset"]

    @property
    def network(self) -> str:
        return self.facts["network"]

    @property
    def repeat(self) -> tuple[int, int]:
        """Seed of the split and seed of the training: what tells runs of one experiment apart."""
        return self.facts["split_seed"], self.facts["seed"]

    def part(self, part: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Class indices (int N), probabilities (float N x K) and patients (str N) of one part."""
        classes = self.facts["classes"]
        rows = self.predictions[self.predictions["part"] == part]
        labels = pd.Categorical(rows["label"], classes).codes.astype(np.int64)
        probabilities = rows[[f"p_{name}" for name in classes]].to_numpy(float)
        return labels, probabilities, rows["group"].to_numpy()


def load_run(path: str | Path, *, timing: bool = False) -> Run:
    """Read a run from its `run.json`, with `predictions.csv` (and `timing.json`) beside it.

    UserError if a file is missing or damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: not a finished run (no such file). Give the folder of one.")
    try:
        facts = read_json(path, "dataset", "network", "classes")
        predictions = _read_predictions(path.with_name(PREDICTIONS), facts)
        times = read_json(path.with_name(TIMING)) if timing else None
    except (OSError, UserError) as error:
        raise UserError(f"{path}: not a finished run ({error}). Train it again.") from error
    return Run(facts, predictions, times)


def _read_predictions(path: Path, facts: dict) -> pd.DataFrame:
    """A run's predictions, which a table may rest upon."""
    columns = [f"p_{name}" for name in facts["classes"]]
    needed = ("image", "label", "group", "part")
    types = dict.fromkeys([*needed, "predicted"], str) | dict.fromkeys(columns, float)
    table = read_csv(path, *needed, *columns, dtype=types)
    lines = facts.get("predictions", len(table))  # runs of earlier versions do not tell
    if len(table) != lines:
        raise UserError(f"{path}: {len(table)} of {lines} predictions")
    values = table[columns].to_numpy()
    # Each is rounded to six digits. NaN is no number in [0, 1] either.
    wrong = ~((values >= 0) & (values <= 1)).all(axis=1) | (abs(values.sum(axis=1) - 1) > 1e-3)
    wrong |= ~table["label"].isin(facts["classes"]).to_numpy()
    if wrong.any():
        raise UserError(f"{path}: line {wrong.argmax() + 2} is no prediction of this run")
    return table


def images_tested(run: Run) -> list[str]:
    """Names of a run's test images, in the order of `Run.part`."""
    return run.predictions.loc[run.predictions["part"] == "test", "image"].tolist()


def units_tested(run: Run) -> int:
    """How many patients a run was tested on; an image without a known patient counts as one."""
    groups = run.part("test")[2]
    return len(set(groups) - {""}) + int((groups == "").sum())


def run_columns(runs: list[Run], scale: str) -> dict[str, object]:
    """The columns of a row about runs that differ in their seeds alone: what they are, and where
    they come from. `test_images` and `test_patients` are those of the first."""
    first = runs[0]
    groups = first.part("test")[2]
    s = first.facts["settings"]
    origins = [run.facts["provenance"] for run in runs]
    return {
        "runs": len(runs),
        "seeds": " ".join(str(run.repeat[1]) for run in runs),
        "split_seeds": " ".join(str(run.repeat[0]) for run in runs),
        "test_images": len(groups),
        "test_patients": len(set(groups) - {""}),
        "data": first.facts["data"]["description"],
        "weights": first.facts["weights"] + (", frozen" if first.facts["frozen"] else ""),
        "scale": scale,
        "protocol": f"{s['image_size']} px, {count_text(s['epochs'], 'epoch')}, batch "
        f"{s['batch_size']}, learning rate {s['learning_rate']:g}, {s['precision']}, "
        f"{s['select_epoch']} epoch",
        "hardware": "; ".join(dict.fromkeys(each["hardware"] for each in origins)),
        "commit": "; ".join(dict.fromkeys(each["commit"] for each in origins)),
    }


def samples(runs: list[Run]) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Labels, probabilities and patient codes of each run's test images.

    A patient (an image, where no patient is known) has the same code in all runs.
    """
    keys = [
        [
            ("patient", group) if group else ("image", image)
            for group, image in zip(run.part("test")[2], images_tested(run), strict=True)
        ]
        for run in runs
    ]
    codes = {
        key: code for code, key in enumerate(dict.fromkeys(key for run in keys for key in run))
    }
    return [
        (*run.part("test")[:2], np.array([codes[key] for key in of_run], dtype=np.int64))
        for run, of_run in zip(runs, keys, strict=True)
    ]


def load_manifest(folder: str | Path) -> tuple[pd.DataFrame, dict]:
    """A prepared data set's `manifest.csv` and `source.json`."""
    folder = Path(folder)
    table = read_listed(folder / "manifest.csv", "image", "label")
    return table, read_json(folder / "source.json", "dataset")
