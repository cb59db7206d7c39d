"""A model card for the weights of a run: Markdown with the front matter of Hugging Face."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from paper_code.config import defaults
from paper_code.datasets.catalog import PAPER_DATASETS
from paper_code.errors import UserError
from paper_code.files import write_text
from paper_code.metrics import METRICS, bootstrap_interval
from paper_code.networks.names import VARIANT, parse_network
from paper_code.progress import count_text
from paper_code.reporting.labels import DATASET_LABELS, METRIC_LABELS, NETWORK_LABELS
from paper_code.reporting.markdown import interval_text, markdown
from paper_code.reporting.verdicts import FEWEST_PATIENTS
from paper_code.runs import CARD, FACTS, WEIGHTS, Run, load_run

# What Hugging Face calls the metrics that it knows.
HUB_METRICS = {
    "accuracy": "accuracy",
    "f1_macro": "f1",
    "auc_roc": "roc_auc",
    "mcc": "matthews_correlation",
}


def write_card(folder: str | Path, output: str | Path | None = None) -> Path:
    """Write the card of a run's `weights.safetensors`; its path.

    The same run gives the same card. It names no path of this machine.

    Args:
        folder: of the run, with `run.json`, `predictions.csv` and `weights.safetensors`.
        output: the card to write; by default `model_card.md` in the folder.

    Raises:
        UserError: a file of the run is missing.
    """
    folder = Path(folder)
    if not (folder / WEIGHTS).is_file():
        raise UserError(
            f"{folder}: holds no {WEIGHTS}. Give the folder of a run whose weights were kept."
        )
    run = load_run(folder / FACTS)
    digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    labels, probabilities, groups = run.part("test")
    resamples = defaults()["bootstrap_resamples"]
    metrics = [name for name in METRICS if name in METRIC_LABELS]
    scores = bootstrap_interval(labels, probabilities, groups, metrics, resamples)
    path = Path(output) if output else folder / CARD
    write_text(path, card_text(run, scores, digest))
    return path


def card_text(run: Run, scores: pd.DataFrame, digest: str) -> str:
    """The card: front matter, then what the weights are, their data, results and limits.

    Args:
        run: as `load_run` reads it.
        scores: of `bootstrap_interval` on its test images.
        digest: SHA-256 of the weights file.
    """
    front = yaml.safe_dump(_front_matter(run, scores), sort_keys=False, allow_unicode=True)
    parts = [
        f"---\n{front}---",
        f"# {_title(run)}",
        "**Research code, not a medical device: no output may guide a diagnosis.**"
        + (
            " These weights have only seen synthetic images (*phantoms*): what they say about real "
            "images means nothing."
            if _phantom(run)
            else ""
        ),
        "## Data\n\n" + _data(run),
        "## Training\n\n" + _training(run),
        "## Results on the test images\n\n" + _results(run, scores),
        "## Limits\n\n" + "\n".join(f"- {line}" for line in _limits(run)),
        "## Use\n\n" + _use(run, digest),
    ]
    return "\n\n".join(parts) + "\n"


def _names(run: Run) -> tuple[str, str]:
    """The network and the data set, as tables call them."""
    base, gate_after = parse_network(run.network)
    label = NETWORK_LABELS.get(base, base)
    if VARIANT in run.network:
        label += f", gate after layer {gate_after}"
    dataset = run.facts["data"]["dataset"]
    return label, DATASET_LABELS.get(dataset, dataset)


def _title(run: Run) -> str:
    network, dataset = _names(run)
    return f"{network}, {'phantoms in place of ' if _phantom(run) else ''}{dataset}"


def _phantom(run: Run) -> bool:
    return run.facts["data"]["source"] == "phantom"


def _front_matter(run: Run, scores: pd.DataFrame) -> dict:
    _, dataset = _names(run)
    data, phantom = run.facts["data"], _phantom(run)
    metrics = [
        {
            "type": HUB_METRICS.get(row.metric, row.metric),
            "name": METRIC_LABELS[row.metric] + _interval(row.low, row.high),
            "value": round(float(row.value), 4),
        }
        for row in scores.itertuples()
        if not np.isnan(row.value)
    ]
    result = {
        "task": {"type": "image-classification", "name": "Image classification"},
        "dataset": {
            "type": data["dataset"],
            "name": f"{dataset} ({'phantoms' if phantom else 'real images'})",
            "split": "test",
        },
        "metrics": metrics,
    }
    return {
        "license": "mit" if phantom else "other",
        **({} if phantom else {"license_name": "terms-of-the-training-images"}),
        "library_name": "pytorch",
        "pipeline_tag": "image-classification",
        "tags": ["breast-cancer", "medical-imaging", "research-only", run.network],
        "model-index": [{"name": f"{run.network}-{run.dataset}", "results": [result]}],
    }


def _interval(low: float, high: float) -> str:
    return "" if np.isnan(low) else f" (95 % interval {low:.3f} to {high:.3f})"


def _data(run: Run) -> str:
    data, classes = run.facts["data"], run.facts["classes"]
    held_out = run.predictions
    sizes = {"train": data["images"] - len(held_out)}
    sizes |= {part: int((held_out["part"] == part).sum()) for part in ("val", "test")}
    counts = ", ".join(f"{number} {part}" for part, number in sizes.items())
    test = held_out[held_out["part"] == "test"]
    per_class = ", ".join(f"{int((test['label'] == name).sum())} {name}" for name in classes)
    patients = test.loc[test["group"] != "", "group"].nunique()
    of_patients = f", of {count_text(patients, 'patient')}" if patients else ""
    by_patient = run.facts["by"] == "patient"
    lines = [
        f"{_names(run)[1]}: {data['description']}.",
        f"Classes, in the order of the outputs: {', '.join(classes)}. Images: {counts}; in the "
        f"test part {per_class}{of_patients}.",
        f"Split by {run.facts['by']}, seed {run.facts['split_seed']}"
        + (
            ": every patient is in one part only."
            if by_patient
            else ": images of one patient can be in the training and in the test part."
        ),
    ]
    return "\n".join(lines)


def _training(run: Run) -> str:
    facts, settings = run.facts, run.facts["settings"]
    versions = facts["provenance"]["versions"]
    rows = {
        "network": run.network,
        "parameters": facts["parameters"],
        "started from": facts["weights"],
        "backbone": "frozen" if facts["frozen"] else "trained",
        "image size": f"{settings['image_size']} x {settings['image_size']} px",
        "epochs": settings["epochs"],
        "epoch kept": f"{facts['selected_epoch']} ({settings['select_epoch']})",
        "batch size": settings["batch_size"],
        "learning rate": f"{settings['learning_rate']:g} (Adam)",
        "dropout": facts["dropout"],
        "rotation": f"up to {settings['rotation']:g} degrees, and horizontal flips",
        "precision": settings["precision"],
        "seed": facts["seed"],
        "PyTorch": versions["torch"],
        "commit": facts["provenance"]["commit"],
    }
    return markdown(pd.DataFrame({"setting": list(rows), "value": list(rows.values())}))


def _results(run: Run, scores: pd.DataFrame) -> str:
    rows = [
        {
            "metric": METRIC_LABELS[row.metric],
            "value [95 % interval]": interval_text(row.value, row.low, row.high),
        }
        for row in scores.itertuples()
    ]
    unit = "patients" if (run.part("test")[2] != "").any() else "images"
    return (
        markdown(pd.DataFrame(rows))
        + f"\n\nThe intervals come from a bootstrap that resamples {unit}. They speak of these "
        "weights on other images of the same kind, not of another training run."
    )


def _limits(run: Run) -> list[str]:
    facts = run.facts
    lines = ["Not a medical device. Not validated for any clinical use."]
    if _phantom(run):
        lines.append("Trained on phantoms only: of use for trying out the software, nothing else.")
    if facts["by"] == "image":
        lines.append(
            "The split is by image, so the results say nothing about images of new patients."
        )
    published = facts["data"]["dataset"] in PAPER_DATASETS and not _phantom(run)
    if published and not facts["data"]["complete"]:
        lines.append("Trained on part of the published images.")
    groups = run.part("test")[2]
    patients = len(set(groups) - {""})
    if 0 < patients < FEWEST_PATIENTS:
        lines.append(
            f"{count_text(patients, 'patient')} in the test part: the intervals are too narrow."
        )
    if facts["weights"].startswith("random"):
        lines.append("Started from random weights; the paper starts from ImageNet weights.")
    return [
        *lines,
        "One training run: another seed gives other weights and other results.",
        "No test on images of another hospital, scanner or stain.",
        "The probabilities are not calibrated.",
    ]


def _use(run: Run, digest: str) -> str:
    size = run.facts["settings"]["image_size"]
    return f"""Input: N x 3 x H x W floats in [-1, 1], RGB, resized to {size} x {size} px. With the
companion code of *Breast Cancer Classification with Enhanced Interpretability: DALAResNet50 and
DT Grad-CAM*:

```python
from paper_code.networks import network_from_checkpoint

network, facts = network_from_checkpoint("{WEIGHTS}")
```

    python -m paper_code predict FOLDER --weights {WEIGHTS} -o classes.csv

SHA-256 of `{WEIGHTS}`: `{digest}`"""
