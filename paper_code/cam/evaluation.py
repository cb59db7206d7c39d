"""All methods on the test images of one finished run, as files: what Tables XIII and XIV, the
paired comparisons and Figure 7 are made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from paper_code.cam import dt_gradcam
from paper_code.cam.capture import as_evaluated
from paper_code.cam.compute import map_layer
from paper_code.cam.contenders import (
    CENTRE_SIGMA,
    DRAWS,
    Explained,
    Part,
    explain_part,
    first_images,
    tie_breakers,
)
from paper_code.cam.fusion import for_inference
from paper_code.cam.localization import best_threshold, reference_region
from paper_code.cam.scoring import TIE_DRAWS, curve_areas, map_rows, region_rows
from paper_code.cam.tuning import chosen, tune, tuned_regions
from paper_code.datasets.catalog import PAPER_DATASETS
from paper_code.datasets.tables import limit, read_listed
from paper_code.device import checked_device, exclusive, resolve_precision, use_float32
from paper_code.errors import UserError
from paper_code.files import (
    check_columns,
    load_array,
    read_json,
    replacing,
    replacing_together,
    write_csv,
    write_json,
)
from paper_code.metrics import bootstrap_interval
from paper_code.networks.builder import network_from_checkpoint
from paper_code.networks.forward import normalize
from paper_code.provenance import provenance
from paper_code.runs import FACTS, PREDICTIONS, WEIGHTS, Run, load_run

if TYPE_CHECKING:  # maps depend on the values of settings, which their rule holds
    from paper_code.settings import Settings

SHOWN_METHODS = ("gradcam", "scorecam", "eigencam", "gradcam_otsu", "dt_gradcam")  # in Figure 7
SHOWN_IMAGES = 3  # at most
INPUT_NOISE = 0.05  # of the [-1, 1] image, for the stability of maps
STAND_IN = "haematoxylin-dense region (our stand-in)"
HISTOLOGY = ("breakhis_", "bach")  # sets whose images are stained with haematoxylin and eosin
# Facts of the run that are true of its maps.
OF_THE_RUN = (
    "network",
    "dataset",
    "by",
    "split_seed",
    "seed",
    "weights",
    "frozen",
    "dropout",
    "data",
    "settings",
)
FILES = ("regions.csv", "maps.csv", "tuning.csv", "examples.npz", "cam.json")


def evaluate_run(
    run: str | Path,
    prepared: str | Path,
    output: str | Path,
    settings: Settings,
    *,
    device: torch.device | None = None,
) -> None:
    """Score the maps of every method on test images of a run, and write `FILES` into `output`.

    Explained is the class that the network predicts. Only images with a lesion count, and of
    BreakHis only malignant ones: every slide has nuclei, and those of a benign one are no lesion.
    The truth is the data set's mask; of a histology set without masks the haematoxylin-dense
    region, which is a stand-in. Scored are the methods, controls and baselines of `explain_part`.

    regions.csv: one row per image, method and rule, with the overlap scores, the part of the image
        that is marked (`area`) and that of the lesion. Rules: see `region_rows`.
    maps.csv: one row per image and method: scores without a threshold, see `map_rows`.
    tuning.csv: mean IoU on validation images at every point of every method's grid, see `tune`.
    examples.npz: the first images as they were drawn, their lesions and maps of `SHOWN_METHODS`
        (`map_<method>`), and the steps of DT Grad-CAM on the first (see `_examples`).
    cam.json: settings, thresholds, the tuned parameters, counts, seconds per image of each method,
        the AUC of the network on the whole test set, the run's own facts.

    `run` is a folder of `train_run`, `prepared` that of its data set. The images are drawn by the
    run's seed. UserError if files are missing or do not belong together, or no test image shows a
    lesion.
    """
    run, prepared = Path(run), Path(prepared)
    device = device or checked_device()
    use_float32()
    trained = load_run(run / FACTS)
    facts = trained.facts
    seed = facts["seed"]
    network, _ = network_from_checkpoint(run / WEIGHTS)
    network.to(device).eval()
    precision = resolve_precision(settings.cam_precision, device)
    options = {"copies": settings.cam_copies, "sigma": settings.cam_sigma}
    options |= {"kernel_size": settings.cam_kernel, "seed": seed, "precision": precision}
    table, pixels, truth, truth_kind = _images_and_truth(trained, run, prepared)
    paper = facts["dataset"] in PAPER_DATASETS
    classes = facts["classes"][-1:] if paper and len(facts["classes"]) == 2 else facts["classes"]
    counting = table["label"].isin(classes).to_numpy() & truth.any((1, 2))
    grey = all((image == image[:1]).all() for image in pixels)  # the same for every seed and part
    parts = _draw(table["part"], counting, seed, limit(settings.cam_images), prepared)

    def part_of(rows: np.ndarray) -> Part:
        inputs = normalize(torch.from_numpy(np.ascontiguousarray(pixels[rows])).to(device))
        own, masks = table.iloc[rows], torch.from_numpy(np.ascontiguousarray(truth[rows]))
        predicted = torch.tensor([facts["classes"].index(name) for name in own["predicted"]])
        return Part(own.reset_index(drop=True), inputs, masks, predicted.to(device), grey)

    tests, val = part_of(parts["test"]), part_of(parts["val"])
    # Mean part of the image that a lesion covers, outside the test set.
    share = float(truth[counting & (table["part"] != "test").to_numpy()].mean())

    # Trainings that run beside this one are timed, and so are these maps.
    with exclusive(device):
        given = (options, settings.scorecam_images)
        explained = explain_part(network, tests, *given, seed, facts["dataset"])
        # Other noise than DT Grad-CAM's own.
        noise = dt_gradcam.noise(len(tests.table), tests.inputs.shape[1:], INPUT_NOISE, seed + 1)
        noisy = replace(tests, inputs=tests.inputs + noise.to(tests.inputs))
        shaken = explain_part(network, noisy, *given, seed)
        on_val = explain_part(network, val, *given, seed + 1)
        few = val.first(settings.cam_tuning_images)
        maps_of_few = {
            name: first_images(maps, len(val.table), len(few.table))
            for name, maps in on_val.maps.items()
        }
        grid = tune(network, few, replace(on_val, maps=maps_of_few), options)
        choices = chosen(grid)
        tuned = tuned_regions(network, tests, explained, choices, options)
        ties = tie_breakers(explained, TIE_DRAWS, seed + 2)
        curves = limit(settings.faithfulness_images)
        with as_evaluated(network):
            fast = for_inference(network, tests.inputs, precision, 16)
        areas = {
            name: curve_areas(network, name, maps, tests, ties, curves, precision, fast)
            for name, maps in explained.maps.items()
        }
        examples = _examples(network, facts, tests, explained, options)
    # What needs no network is for the CPU.
    explained, shaken, on_val = explained.cpu(), shaken.cpu(), on_val.cpu()
    thresholds = {name: _threshold(maps, val) for name, maps in on_val.maps.items()}
    regions, scores = [], []
    for name, maps in explained.maps.items():
        part = tests.first(len(maps))
        threshold = thresholds[name]["threshold"]
        regions.append(region_rows(name, maps, part, threshold, share, tuned[name]))
        scores.append(map_rows(name, maps, shaken.maps[name], part, areas[name]))
    auc = bootstrap_interval(*trained.part("test"), ["auc_roc"], resamples=1000)
    about_maps = {
        "truth": truth_kind,
        "lesion_masks": truth_kind != STAND_IN,
        "lesion_share": round(share, 6),
        "images": len(tests.table),
        "scorecam_images": min(settings.scorecam_images, len(tests.table)),
        "faithfulness_images": len(tests.first(curves).table),
        "classes_scored": list(classes),
        "validation_images": len(val.table),
        "tuning_images": len(few.table),
        "layer": map_layer(network, tests.inputs[:1])[0],
        "cam": options,
        "thresholds": thresholds,
        "tuned": {
            name: {key: round(float(value), 6) for key, value in row.dropna().items()}
            for name, row in choices.iterrows()
        },
        "baselines": {"centre_sigma": CENTRE_SIGMA, "random_draws": DRAWS, "tie_draws": TIE_DRAWS},
        "auc_roc": {name: round(float(auc[name].iloc[0]), 6) for name in ("value", "low", "high")},
        "seconds_per_image": {name: round(value, 4) for name, value in explained.seconds.items()},
        "provenance": provenance(device),
    }
    with replacing_together(Path(output), earlier=FILES) as new:
        write_csv(new / "regions.csv", pd.concat(regions).round(6))
        write_csv(new / "maps.csv", pd.concat(scores).round(6))
        write_csv(new / "tuning.csv", grid.round(6))
        with replacing(new / "examples.npz") as path, path.open("wb") as file:
            np.savez_compressed(file, **examples)
        write_json(new / "cam.json", {key: facts[key] for key in OF_THE_RUN} | about_maps)


def _threshold(maps: Tensor, val: Part) -> dict[str, float]:
    """The best fixed threshold on validation images, its mean IoU there, and the part of them that
    it marks."""
    threshold, iou = best_threshold(maps, val.masks_of(maps))
    area = float((maps > threshold).float().mean())
    return {"threshold": threshold, "iou": round(iou, 6), "area": round(area, 6)}


def _draw(
    part_of: pd.Series, counting: np.ndarray, seed: int, images: int | None, prepared: Path
) -> dict[str, np.ndarray]:
    """Rows of the val and test images that count, at most `images` of each, in random order."""
    rng = np.random.default_rng(seed)
    parts = {}
    for part in ("val", "test"):
        rows = np.flatnonzero((part_of == part) & counting)
        parts[part] = rng.permutation(rows)[:images]
        if len(rows) == 0:
            raise UserError(
                f"{prepared}: no {part} image shows a lesion; CAMs cannot be scored on this set."
            )
    return parts


def _images_and_truth(
    trained: Run, run: Path, prepared: Path
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, str]:
    """Manifest rows with part and prediction, images, bool masks, and what the masks are."""
    manifest = read_listed(prepared / "manifest.csv", "image", "mask")
    facts, predictions = trained.facts, trained.predictions
    check_columns(run / PREDICTIONS, predictions, "predicted")  # few tables need it
    unknown = set(predictions["image"]) - set(manifest["image"])
    if unknown or facts["dataset"] != read_json(prepared / "source.json")["dataset"]:
        raise UserError(f"{run} was not trained on the data set in {prepared}.")
    pixels = load_array(prepared / "images.npy", ndim=4)
    table = manifest[["image"]].merge(
        predictions[["image", "label", "group", "part", "predicted"]], on="image", how="left"
    )
    if (manifest["mask"] != "").any():
        truth = load_array(prepared / "masks.npy", ndim=3) > 0
        kind = "exact masks" if facts["data"]["source"] == "phantom" else "masks of the data set"
        return table, pixels, truth, kind
    if not facts["dataset"].startswith(HISTOLOGY):
        raise UserError(f"{prepared / 'manifest.csv'} names no masks; CAMs cannot be scored on it.")
    truth = np.zeros((len(table), *pixels.shape[2:]), bool)
    for row in np.flatnonzero(table["part"].isin(["val", "test"])):
        truth[row] = reference_region(np.ascontiguousarray(pixels[row].transpose(1, 2, 0)))
    return table, pixels, truth, STAND_IN


def _examples(
    network: nn.Module, facts: dict, tests: Part, explained: Explained, options: dict
) -> dict[str, np.ndarray]:
    """The first images as they were drawn, and the steps on the first of them. Every method must
    have explained them, and Score-CAM explains few."""
    few = tests.first(min(SHOWN_IMAGES, len(explained.maps["scorecam"])))
    about, steps = few.table, explained.steps
    noisy = dt_gradcam.noisy_copies(
        few.inputs[0].cpu(), options["copies"], options["sigma"], options["seed"]
    )[0]

    def as_bytes(values: Tensor) -> np.ndarray:
        """[-1, 1] N x C x H x W to uint8 N x H x W x C."""
        return (
            ((values.clamp(-1, 1) + 1) * 127.5).round().byte().cpu().numpy().transpose(0, 2, 3, 1)
        )

    average = steps.average[0].float().cpu().numpy()
    about_data = "; ".join(
        filter(None, (facts["data"].get(key) for key in ("description", "credit")))
    )
    first = about.iloc[0]
    # A phantom's file is called as those of the data set it stands for: its name would mislead.
    name = "A synthetic image" if facts["data"]["source"] == "phantom" else first["image"]
    scratch = facts["weights"].startswith("random")
    start = "scratch (no ImageNet)" if scratch else f"{facts['weights']} weights"
    arrays = {
        "image": as_bytes(few.inputs),
        "label": about["label"].to_numpy(str),
        "predicted": about["predicted"].to_numpy(str),
        "lesion": few.masks.numpy(),
        "source": np.array(
            f"{name} ({about_data}); {facts['network']}, trained from {start}, "
            f"says {first['predicted']}, true is {first['label']}"
        ),
        "noisy": as_bytes(noisy[None])[0],
        "sigma": np.array(options["sigma"]),
        "weights": steps.weights.cpu().numpy(),
        "copies": steps.copy_maps[0].float().cpu().numpy(),
        "average": average,
        # Otsu's threshold as a part of the highest value.
        "threshold": np.array(float(steps.threshold[0]) / max(float(average.max()), 1e-30)),
        "thresholded": steps.thresholded[0].float().cpu().numpy(),
        "cleaned": steps.cleaned[0].float().cpu().numpy(),
    }
    for method in SHOWN_METHODS:
        arrays[f"map_{method}"] = explained.maps[method][: len(about)].cpu().numpy()
    return arrays
