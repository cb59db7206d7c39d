"""A model card for the weights of a run: Markdown with the front matter of Hugging Face."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from paper_code.datasets.catalog import PAPER_DATASETS
from paper_code.errors import UserError
from paper_code.files import write_text
from paper_code.metrics import METRICS, bootstrap_interval
from paper_code.networks.registry import NEVER_PRETRAINED, VARIANT, parse_network
from paper_code.reporting.labels import DATASET_LABELS, METRIC_LABELS, NETWORK_LABELS
from paper_code.reporting.markdown import interval_text
from paper_code.reporting.verdicts import FEWEST_PATIENTS
from paper_code.runs import CARD, FACTS, WEIGHTS, Run, load_run
from paper_code.settings import defaults
from paper_code.templates import render

# What Hugging Face calls the metrics that it knows.
HUB_METRICS = {
    "accuracy": "accuracy",
    "f1_macro": "f1",
    "auc_roc": "roc_auc",
    "mcc": "matthews_correlation",
}


def write_card(folder: str | Path, output: str | Path | None = None) -> Path:
    """Write the card of a run's `weights.safetensors`, by default beside it; its path.

    The same run gives the same card. It names no path of this machine. UserError if a file of the
    run is missing.
    """
    folder = Path(folder)
    if not (folder / WEIGHTS).is_file():
        raise UserError(
            f"{folder}: holds no {WEIGHTS}. Give the folder of a run whose weights were kept."
        )
    run = load_run(folder / FACTS)
    digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    labels, probabilities, groups = run.part("test")
    resamples = defaults().bootstrap_resamples
    metrics = [name for name in METRICS if name in METRIC_LABELS]
    scores = bootstrap_interval(labels, probabilities, groups, metrics, resamples)
    path = Path(output) if output else folder / CARD
    write_text(path, card_text(run, scores, digest))
    return path


def card_text(run: Run, scores: pd.DataFrame, digest: str) -> str:
    """The card: front matter, then what the weights are, their data, results and limits.

    `scores` are those of `bootstrap_interval` on the test images, `digest` SHA-256 of the weights.
    """
    facts, data = run.facts, run.facts["data"]
    base, gate_after = parse_network(run.network)
    network = NETWORK_LABELS.get(base, base)
    network += f", gate after layer {gate_after}" if VARIANT in run.network else ""
    dataset = DATASET_LABELS.get(data["dataset"], data["dataset"])
    phantom = data["source"] == "phantom"
    held_out = run.predictions
    test = held_out[held_out["part"] == "test"]
    sizes = {"train": data["images"] - len(held_out)}
    sizes |= {part: int((held_out["part"] == part).sum()) for part in ("val", "test")}
    of_class = {name: int((test["label"] == name).sum()) for name in facts["classes"]}
    return render(
        "model_card.md.j2",
        front=yaml.safe_dump(
            _front_matter(run, scores, dataset, phantom), sort_keys=False, allow_unicode=True
        ),
        title=f"{network}, {'phantoms in place of ' if phantom else ''}{dataset}",
        facts=facts,
        phantom=phantom,
        dataset=dataset,
        sizes=[f"{number} {part}" for part, number in sizes.items()],
        per_class=[f"{number} {name}" for name, number in of_class.items()],
        patients=len(set(test["group"]) - {""}),
        fewest_patients=FEWEST_PATIENTS,
        settings=facts["settings"],
        results={
            METRIC_LABELS[row.metric]: interval_text(row.value, row.low, row.high)
            for row in scores.itertuples()
        },
        incomplete=data["dataset"] in PAPER_DATASETS and not phantom and not data["complete"],
        never_pretrained=base in NEVER_PRETRAINED,
        weights=WEIGHTS,
        digest=digest,
    )


def _front_matter(run: Run, scores: pd.DataFrame, dataset: str, phantom: bool) -> dict:
    """What the Hub reads."""
    metrics = [
        {
            "type": HUB_METRICS.get(row.metric, row.metric),
            "name": METRIC_LABELS[row.metric]
            + ("" if np.isnan(row.low) else f" (95 % interval {row.low:.3f} to {row.high:.3f})"),
            "value": round(float(row.value), 4),
        }
        for row in scores.itertuples()
        if not np.isnan(row.value)
    ]
    result = {
        "task": {"type": "image-classification", "name": "Image classification"},
        "dataset": {
            "type": run.facts["data"]["dataset"],
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
