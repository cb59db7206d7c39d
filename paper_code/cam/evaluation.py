"""All methods on the test images of one finished run, as files: what Tables XIII and XIV, the
ablation, the faithfulness table and Figure 7 are made of."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from paper_code.cam import dt_gradcam
from paper_code.cam.ablation import spread, stability, stage_scores
from paper_code.cam.compute import METHODS, compute_cam, dt_gradcam_steps
from paper_code.cam.faithfulness import deletion_insertion, randomization_test
from paper_code.cam.localization import (
    best_threshold,
    overlap_scores,
    reference_region,
    regions,
    threshold_free_scores,
)
from paper_code.device import clock, default_device, exclusive
from paper_code.errors import UserError
from paper_code.files import read_json, replacing, replacing_together, write_csv, write_json
from paper_code.networks.builder import network_from_checkpoint
from paper_code.networks.preprocessing import normalize
from paper_code.progress import say
from paper_code.provenance import provenance
from paper_code.runs import FACTS, WEIGHTS

PAPER_METHODS = ("gradcam", "scorecam", "eigencam", "dt_gradcam")
CURVE_STEPS = 10
RANDOMIZED_IMAGES = 8
HISTOLOGY = ("breakhis_", "bach")  # sets whose images are stained with haematoxylin and eosin
# Facts of the run that are true of its maps.
OF_THE_RUN = (
    "network",
    "dataset",
    "by",
    "seed",
    "weights",
    "frozen",
    "dropout",
    "data",
    "settings",
)
FILES = ("regions.csv", "maps.csv", "stages.csv", "randomization.csv", "example.npz", "cam.json")


def evaluate_run(
    run: str | Path,
    prepared: str | Path,
    output: str | Path,
    *,
    images: int | None,
    scorecam_images: int,
    copies: int,
    sigma: float,
    kernel_size: int,
    precision: str,
    device: torch.device | None = None,
) -> None:
    """Score the maps of every method on test images of a run, and write `FILES` into `output`.

    Explained is the class that the network predicts. Only images with a lesion count. The truth is
    the data set's mask; of a histology set without masks the haematoxylin-dense region.

    regions.csv: one row per image, method and rule, with the overlap scores. Rules: own, otsu, and
        best, the fixed threshold with the highest mean IoU on validation images.
    maps.csv: one row per image and method: scores without a threshold, `spread` (entropy of the
        map), `stability` (rank correlation with the map of a slightly noisy image), areas under the
        deletion and insertion curves.
    stages.csv: one row per image and stage of DT Grad-CAM, with both kinds of scores.
    randomization.csv: likeness to the first maps while the network is reset from the head down.
    example.npz: one image of the last class (malignant), its lesion, the maps of the paper's four
        methods (`map_<method>`) and the steps of DT Grad-CAM (see `_example`).
    cam.json: settings, thresholds, counts, seconds per image of each method, the run's own facts.

    Args:
        run: folder of `train_run`.
        prepared: folder of its data set.
        output: folder to write.
        images: at most this many test images, drawn by the run's seed; None for all.
        scorecam_images: Score-CAM, with one forward pass per channel, takes this many of them.
        copies, sigma, kernel_size, precision: as in `compute_cam`.
        device: defaults to the first GPU, else the CPU.

    Raises:
        UserError: files are missing or do not belong together, or no test image shows a lesion.
    """
    run, prepared = Path(run), Path(prepared)
    device = device or default_device()
    facts = read_json(run / FACTS)
    network, _ = network_from_checkpoint(run / WEIGHTS)
    network.to(device).eval()
    own = {"copies": copies, "sigma": sigma, "kernel_size": kernel_size, "seed": facts["seed"]}
    shared = {"precision": precision}
    table, pixels, truth, truth_kind = _images_and_truth(run, prepared, facts)
    parts = _draw(table, truth, facts["seed"], images, prepared)
    tests, val = (
        _part(table.iloc[rows], pixels[rows], truth[rows], facts, device)
        for rows in (parts["test"], parts["val"])
    )
    few = min(scorecam_images, len(tests.table))
    scored: list[_Scored] = []
    # Trainings that run beside this one are timed, and so are these maps.
    with exclusive(device):
        for method in METHODS:
            options = shared | (own if method == "dt_gradcam" else {})
            limit = scorecam_images if method == "scorecam" else None
            scored.append(_score(network, tests.first(limit), val.first(limit), method, options))
            seconds, count = scored[-1].seconds, len(scored[-1].maps)
            say(f"{facts['dataset']}: {method}, {count} images, {seconds:.3f} s each")
        about = tests.table[["image", "group", "label"]]
        stages = stage_scores(network, tests.inputs, tests.classes, tests.masks, **shared | own)
        stages = pd.concat([about.loc[stages.index], stages], axis=1)
        randomized = _randomization(network, tests.inputs, tests.classes, shared, own)
        maps_of = {each.method: each.maps for each in scored}
        example = _example(
            network, facts, tests.table, tests.inputs, tests.masks, maps_of, shared | own
        )
    about_maps = {
        "truth": truth_kind,
        "images": len(tests.table),
        "scorecam_images": few,
        "validation_images": len(val.table),
        "layer": network.cam_layer,
        "cam": own | shared,
        "thresholds": {each.method: each.threshold for each in scored},
        "seconds_per_image": {each.method: round(each.seconds, 4) for each in scored},
        "provenance": provenance(device),
    }
    with replacing_together(Path(output)) as new:
        write_csv(new / "regions.csv", pd.concat([each.regions for each in scored]).round(6))
        write_csv(new / "maps.csv", pd.concat([each.scores for each in scored]).round(6))
        write_csv(new / "stages.csv", stages.round(6))
        write_csv(new / "randomization.csv", randomized.round(6))
        with replacing(new / "example.npz") as path, path.open("wb") as file:
            np.savez_compressed(file, **example)
        write_json(new / "cam.json", {key: facts[key] for key in OF_THE_RUN} | about_maps)


@dataclass(frozen=True)
class _Part:
    """Images of one part of the split that show a lesion, ready for the network."""

    table: pd.DataFrame  # image, label, group, predicted; numbered from 0
    inputs: Tensor  # N x 3 x H x W on the device
    masks: np.ndarray  # bool N x H x W
    classes: Tensor  # predicted class indices, N on the device

    def first(self, count: int | None) -> "_Part":
        """The first `count` images; all for None."""
        rows = slice(count)
        return _Part(self.table[rows], self.inputs[rows], self.masks[rows], self.classes[rows])


@dataclass(frozen=True)
class _Scored:
    """The maps of one method on the test images, and their scores."""

    method: str
    maps: Tensor
    regions: pd.DataFrame
    scores: pd.DataFrame
    threshold: float
    seconds: float  # per image


def _draw(
    table: pd.DataFrame, truth: np.ndarray, seed: int, images: int | None, prepared: Path
) -> dict[str, np.ndarray]:
    """Rows of val and test images with a lesion, at most `images` of each, in random order."""
    rng = np.random.default_rng(seed)
    parts = {}
    for part in ("val", "test"):
        rows = np.flatnonzero((table["part"] == part) & truth.any((1, 2)))
        parts[part] = rng.permutation(rows)[:images]
        if len(rows) == 0:
            raise UserError(
                f"{prepared}: no {part} image shows a lesion; CAMs cannot be scored on this set."
            )
    return parts


def _part(
    table: pd.DataFrame, pixels: np.ndarray, masks: np.ndarray, facts: dict, device: torch.device
) -> _Part:
    inputs = normalize(torch.from_numpy(np.ascontiguousarray(pixels)).to(device))
    classes = torch.tensor([facts["classes"].index(name) for name in table["predicted"]])
    return _Part(table.reset_index(drop=True), inputs, masks, classes.to(device))


def _score(network: nn.Module, tests: _Part, val: _Part, method: str, options: dict) -> _Scored:
    """Maps of one method, timed, with all their scores; the threshold is from validation images."""
    device = tests.inputs.device
    start = clock(device)
    maps = compute_cam(network, tests.inputs, tests.classes, method, **options)
    seconds = (clock(device) - start) / len(maps)
    threshold = best_threshold(compute_cam(network, val.inputs, None, method, **options), val.masks)
    names = tests.table[["image", "group", "label", "predicted"]].assign(method=method)
    chosen = {
        "own": regions(maps, method, "own"),
        "otsu": regions(maps, method, "otsu"),
        "best": regions(maps, method, "fixed", threshold),
    }
    overlaps = [
        pd.concat([names.assign(rule=rule), overlap_scores(region, tests.masks)], axis=1)
        for rule, region in chosen.items()
    ]
    steady = stability(network, tests.inputs, tests.classes, maps, method, **options)
    curves = deletion_insertion(network, tests.inputs, tests.classes, maps, steps=CURVE_STEPS)
    free = threshold_free_scores(maps, tests.masks)
    measured = pd.DataFrame({"spread": spread(maps), "stability": steady})
    scores = pd.concat([names, free, measured, curves.areas()], axis=1)
    return _Scored(method, maps, pd.concat(overlaps), scores, threshold, seconds)


def _images_and_truth(
    run: Path, prepared: Path, facts: dict
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, str]:
    """Manifest rows with part and prediction, images, bool masks, and what the masks are."""
    manifest = pd.read_csv(prepared / "manifest.csv", dtype=str, keep_default_na=False)
    predictions = pd.read_csv(run / "predictions.csv", dtype=str, keep_default_na=False)
    unknown = set(predictions["image"]) - set(manifest["image"])
    if unknown or facts["dataset"] != read_json(prepared / "source.json")["dataset"]:
        raise UserError(f"{run} was not trained on the data set in {prepared}.")
    pixels = np.load(prepared / "images.npy", mmap_mode="r")
    table = manifest[["image"]].merge(
        predictions[["image", "label", "group", "part", "predicted"]], on="image", how="left"
    )
    if (manifest["mask"] != "").any():
        truth = np.load(prepared / "masks.npy") > 0
        kind = "exact masks" if facts["data"]["source"] == "phantom" else "masks of the data set"
        return table, pixels, truth, kind
    if not facts["dataset"].startswith(HISTOLOGY):
        raise UserError(f"{prepared / 'manifest.csv'} names no masks; CAMs cannot be scored on it.")
    truth = np.zeros((len(table), *pixels.shape[2:]), bool)
    for row in np.flatnonzero(table["part"].isin(["val", "test"])):
        truth[row] = reference_region(np.ascontiguousarray(pixels[row].transpose(1, 2, 0)))
    return table, pixels, truth, "haematoxylin-dense region (our stand-in)"


def _randomization(
    network: nn.Module, inputs: Tensor, classes: Tensor, shared: dict, own: dict
) -> pd.DataFrame:
    """The randomisation test of every method but Score-CAM, whose passes would take too long."""
    rows = []
    first = inputs[:RANDOMIZED_IMAGES]
    # A part of the network at a time, not every block: a cascade costs as many maps as parts.
    children = network.named_children()
    parts = [name for name, child in children if any(True for _ in child.parameters())]
    for method in METHODS:
        if method == "scorecam":
            continue
        options = shared | (own if method == "dt_gradcam" else {})
        found = randomization_test(
            network, first, classes[: len(first)], method, stages=parts[::-1], **options
        )
        rows.append(found.assign(method=method, images=len(first)))
    return pd.concat(rows)


def _example(
    network: nn.Module,
    facts: dict,
    tests: pd.DataFrame,
    inputs: Tensor,
    masks: np.ndarray,
    maps_of: dict[str, Tensor],
    options: dict,
) -> dict[str, np.ndarray]:
    """The first drawn image of the last class, else the first image."""
    last = (tests["label"] == facts["classes"][-1]).to_numpy()
    chosen = int(np.argmax(last)) if last.any() else 0
    image = inputs[chosen : chosen + 1]
    predicted = facts["classes"].index(tests["predicted"].iloc[chosen])
    steps = dt_gradcam_steps(network, image, [predicted], **options)
    noisy = dt_gradcam.noisy_copies(
        image[0].cpu(), options["copies"], options["sigma"], options["seed"]
    )[0]

    def as_bytes(values: Tensor) -> np.ndarray:
        """[-1, 1] C x H x W to uint8 H x W x C."""
        return ((values.clamp(-1, 1) + 1) * 127.5).round().byte().cpu().numpy().transpose(1, 2, 0)

    average = steps.average[0].float().cpu().numpy()
    arrays = {
        "source": np.array(
            f"{tests['image'].iloc[chosen]} ({facts['data']['description']}); {facts['network']} "
            f"with {facts['weights']} weights says {tests['predicted'].iloc[chosen]}, true is "
            f"{tests['label'].iloc[chosen]}"
        ),
        "image": as_bytes(image[0]),
        "label": np.array(tests["label"].iloc[chosen]),
        "predicted": np.array(tests["predicted"].iloc[chosen]),
        "lesion": masks[chosen],
        "noisy": as_bytes(noisy),
        "sigma": np.array(options["sigma"]),
        "weights": steps.weights.cpu().numpy(),
        "copies": steps.copy_maps[0].float().cpu().numpy(),
        "average": average,
        # Otsu's threshold as a part of the highest value.
        "threshold": np.array(float(steps.threshold[0]) / max(float(average.max()), 1e-30)),
        "thresholded": steps.thresholded[0].float().cpu().numpy(),
        "cleaned": steps.cleaned[0].float().cpu().numpy(),
    }
    for method in PAPER_METHODS:
        maps = maps_of[method][chosen : chosen + 1]
        if len(maps) == 0:  # Score-CAM takes fewer images than the others
            maps = compute_cam(network, image, [predicted], method, precision=options["precision"])
        arrays[f"map_{method}"] = maps[0].cpu().numpy()
    return arrays
