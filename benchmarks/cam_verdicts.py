"""How often the comparisons of maps find a difference that is not there, and one that is.

    python benchmarks/cam_verdicts.py [--families 400]

Simulated maps go through the code that scores and compares real ones. 20 patients of two images,
lesions are discs. A map is noise plus the lesion times a skill, which varies from patient to
patient and from method to method, so that images of one patient are alike. Where no method is
better all skills have one mean; where DT Grad-CAM is better its mean is higher by `PLANTED`.

A family is what a claim rests on: DT Grad-CAM against the paper's three other methods, for one rule
and metric, with Holm's correction. Counted are families with a finding, to be at most 5 % where no
method is better. With several seeds each method also has a deviation of its own for each seed
(`SEED_SPREAD`), which all images share.

Results go to benchmarks/results/cam_verdicts.{csv,md}.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from paper_code.cam.localization import (
    matched_area_scores,
    overlap_scores,
    regions,
    threshold_free_scores,
)
from paper_code.files import write_csv, write_text
from paper_code.progress import track
from paper_code.provenance import commit, versions
from paper_code.reporting.markdown import markdown
from paper_code.reporting.tables.cam.paired import cam_comparison_rows
from paper_code.reporting.tables.cam.scores import MAP_METRICS, CamRun
from paper_code.reporting.verdicts import LEVEL, PROTOCOL

RESULTS = Path(__file__).parent / "results"
METHODS = ("gradcam", "scorecam", "eigencam", "dt_gradcam")
PATIENTS, PER, SIDE, RADIUS = 20, 2, 16, 3.0
SKILL, DEVIATION = 0.3, 0.15  # mean and deviation of a patient's skill
PLANTED = 0.2
SEED_SPREAD = 0.05
COUNTED = (("own", "iou"), ("otsu", "iou"), ("area", "iou"), ("none", "auprc"))
COUNTED += (("none", "pointing_game"),)
# label: (how much better DT Grad-CAM is, seeds, deviation of a seed)
CASES = {
    "no method is better": (0.0, 1, 0.0),
    "no method is better, 5 seeds that differ": (0.0, 5, SEED_SPREAD),
    "DT Grad-CAM is better": (PLANTED, 1, 0.0),
}


def simulate(
    rng: np.random.Generator, planted: float, seeds: int = 1, spread: float = 0.0
) -> list[CamRun]:
    """One run per seed, each with the maps of `METHODS` on the same images."""
    count = PATIENTS * PER
    patients = np.repeat(np.arange(PATIENTS), PER)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    centres = rng.uniform(RADIUS, SIDE - RADIUS, (count, 2))
    masks = np.stack([(rows - y) ** 2 + (columns - x) ** 2 < RADIUS**2 for y, x in centres])
    names = pd.DataFrame(
        {
            "image": [f"{number}.png" for number in range(count)],
            "group": [f"patient {number}" for number in patients],
            "lesion": masks.mean((1, 2)),
        }
    )
    skill = rng.normal(SKILL, DEVIATION, (len(METHODS), PATIENTS))
    skill[METHODS.index("dt_gradcam")] += planted
    runs = []
    for seed in range(seeds):
        of_seed = skill + rng.normal(0, spread, (len(METHODS), 1))
        tables = {"regions": [], "maps": []}
        for method, of_patient in zip(METHODS, of_seed, strict=True):
            maps = rng.random((count, SIDE, SIDE))
            maps = maps + of_patient[patients][:, None, None] * masks
            maps = (maps - maps.min((1, 2), keepdims=True)) / np.ptp(maps, (1, 2), keepdims=True)
            about = names.assign(method=method)
            scores = {
                # Under each rule all methods are cut alike; DT Grad-CAM's own cut is another one.
                "own": overlap_scores(regions(maps, "gradcam", "own"), masks),
                "otsu": overlap_scores(regions(maps, "gradcam", "otsu"), masks),
                "area": matched_area_scores(maps, masks, float(masks.mean())),
            }
            tables["regions"] += [
                pd.concat([about.assign(rule=rule), table], axis=1)
                for rule, table in scores.items()
            ]
            free = threshold_free_scores(maps, masks)
            unmeasured = dict.fromkeys(MAP_METRICS[len(free.columns) :], np.nan)
            tables["maps"].append(pd.concat([about, free.assign(**unmeasured)], axis=1))
        nothing = pd.DataFrame()
        regions_, maps_ = (pd.concat(parts) for parts in tables.values())
        runs.append(CamRun(_facts(seed), regions_, maps_, nothing, nothing, nothing))
    return runs


def _facts(seed: int) -> dict:
    return {
        "dataset": "mini_ddsm",
        "split_seed": 0,
        "seed": seed,
        "network": "dalaresnet50",
        "data": {"dataset": "mini_ddsm", "source": "real", "complete": True},
        "weights": "imagenet",
        "frozen": False,
        "dropout": PROTOCOL["dropout"],
        "settings": PROTOCOL,
        "lesion_masks": True,
        "auc_roc": {"value": 0.9, "low": 0.8},
    }


def rates(label: str, families: int, resamples: int, seed: int = 0) -> pd.DataFrame:
    """Share of families of a case of `CASES` in which some control, and each control, is found
    worse or better than DT Grad-CAM: one row per rule and metric."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in track(range(families), label):
        runs = simulate(rng, *CASES[label])
        rows = cam_comparison_rows(runs, scale="paper", resamples=resamples)
        rows = rows[rows["family"] == "paper"].set_index(["rule", "metric"])
        for rule, metric in COUNTED:
            # The tests themselves: with one seed, as in some cases, a table gives no verdict.
            shown = rows.loc[[(rule, metric)]]
            better = (shown["p_holm"] < LEVEL) & (shown["difference"] > 0)
            worse = (shown["p_holm"] < LEVEL) & (shown["difference"] < 0)
            found.append(
                {
                    "case": label,
                    "rule": rule,
                    "metric": metric,
                    "some_finding": (better | worse).any(),
                    "better_than_all": better.all(),
                    "worse_than_some": worse.any(),
                }
            )
    keys = ["case", "rule", "metric"]
    return pd.DataFrame(found).groupby(keys, sort=False).mean().reset_index()


def main() -> None:
    """Run all cases, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--families", type=int, default=400)
    parser.add_argument("--resamples", type=int, default=1000)
    options = parser.parse_args()
    table = pd.concat([rates(label, options.families, options.resamples) for label in CASES])
    write_csv(RESULTS / "cam_verdicts.csv", table.round(4))
    text = markdown(table.round(3))
    print(text)
    names = ", ".join(f"{name} {version}" for name, version in versions().items())
    write_text(
        RESULTS / "cam_verdicts.md",
        f"# Comparisons of maps in simulation\n\n`python benchmarks/cam_verdicts.py`: "
        f"{options.families} families per case, {options.resamples} resamples.\n\n{text}\n\n"
        f"Commit {commit()}; {names}.\n",
    )


if __name__ == "__main__":
    main()
