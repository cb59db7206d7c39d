"""A control of the leakage table: images whose leakage is known, over draws of them.

    python benchmarks/leakage_control.py [--draws 12]

The images are of normal tissue, and the class of each patient is drawn at random: on new patients a
network can only guess. Where patients differ (in stain, texture and light), a network that has seen
other images of a patient can recognise the patient, and with it the class: a split by image must be
ahead of one by patient. Where they are alike, it must not. Each draw has images of its own and a
run of DALAResNet50 for each of three seeds by either split; about 3 minutes of one core.

Counted for either set: draws in which a split by image is ahead for all three seeds, and draws in
which the table's own test says so (p < 0.05). So few draws measure the power of the control, not
the level of the test (benchmarks/statistics.py does). Results go to
benchmarks/results/leakage_control.{csv,md}.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.stats import binomtest

from paper_code.datasets.catalog import find_dataset
from paper_code.datasets.prepare import make_manifest, prepare
from paper_code.datasets.splits import make_split
from paper_code.files import write_csv, write_text
from paper_code.phantoms.histology import draw_field, draw_patient
from paper_code.phantoms.writing import save_image
from paper_code.progress import track
from paper_code.provenance import commit, processor, versions
from paper_code.reporting.markdown import markdown
from paper_code.reporting.tables.leakage import leakage_rows
from paper_code.runs import FACTS, load_run
from paper_code.settings import defaults
from paper_code.training.run import train_run

RESULTS = Path(__file__).parent / "results"
SIGNALS = {"distinct": 2.5, "alike": 0.0}  # how far patients differ; 1 is as in the phantoms
CLASSES = ("benign", "malignant")
PATIENTS, IMAGES = 16, 12  # patients of each class; images of each patient
SIZE, FIELD = 64, 480.0  # px; micrometres
SEEDS = 3  # of each draw
FIRST = 100  # draw
# Telling patients apart takes few pixels and larger steps than the protocol's.
PROTOCOL = {"epochs": 10, "batch_size": 32, "learning_rate": 0.002, "recalibrate_batchnorm": True}
PROTOCOL["weights"] = "random"


def draw_images(folder: Path, signal: float, draw: int) -> None:
    """Write the images of one set with their `manifest.csv`."""
    rows = []
    for label, name in enumerate(CLASSES):
        for patient in range(PATIENTS):
            own = [draw, label, patient]
            who = draw_patient(np.random.default_rng(own), signal)
            for number in range(IMAGES):
                rng = np.random.default_rng([*own, number + 1])
                image, _ = draw_field(rng, who, "normal", width=SIZE, height=SIZE, field=FIELD)
                path = f"{name}/{patient:02d}_{number:02d}.png"
                save_image(folder / path, image)
                rows.append({"path": path, "label": name, "group": f"{name[0]}{patient:02d}"})
    write_csv(folder / "manifest.csv", pd.DataFrame(rows))


def one_draw(folder: Path, draw: int) -> pd.DataFrame:
    """The rows of the leakage table for one draw of both sets."""
    prepared, runs = [], []
    for name, signal in SIGNALS.items():
        draw_images(folder / "raw" / name, signal, draw)
        home = folder / "prepared" / name
        entry = {"path": str(folder / "raw" / name / "manifest.csv"), "classes": list(CLASSES)}
        make_manifest(find_dataset(name, {name: entry}), folder, "real", home / "manifest.csv")
        prepare(home / "manifest.csv", home, image_size=32)
        prepared.append(str(home))
        for by in ("image", "patient"):
            for seed in range(SEEDS * draw, SEEDS * (draw + 1)):
                split, run = folder / f"{name}-{by}-{seed}.csv", folder / f"{name}-{by}-{seed}"
                make_split(home / "manifest.csv", split, by=by, seed=seed)
                train_run("dalaresnet50", home, split, run, defaults().changed(**PROTOCOL), seed)
                runs.append(load_run(run / FACTS))
    return leakage_rows(runs, prepared, scale="demo", resamples=1000)


def page(rows: pd.DataFrame) -> str:
    lines = []
    for name, signal in SIGNALS.items():
        own = rows[rows["dataset"] == name]
        every = own["each_seed"].str.split().map(lambda each: min(map(float, each)) > 0)
        alarms = (own["p_value"] < 0.05) & (own["difference"] > 0)
        lines.append(
            {
                "Patients": f"{name} (signal {signal:g})",
                "By image": f"{own['image'].mean():.3f}",
                "By patient": f"{own['patient'].mean():.3f}",
                "Difference": f"{own['difference'].mean():+.3f} ± {own['difference'].std():.3f}",
                "By image ahead, all seeds": _share(every),
                "p < 0.05, by image ahead": _share(alarms),
            }
        )
    installed = ", ".join(f"{name} {version}" for name, version in versions().items())
    return (
        "# A control of the leakage table\n\n"
        f"{rows['draw'].nunique()} draws of the images, each with three seeds. Accuracy: mean over "
        "the draws (± standard deviation between draws); counts with their 95 % interval "
        "(Clopper-Pearson). By chance, all three seeds are ahead in one draw of eight.\n\n"
        f"{markdown(pd.DataFrame(lines))}\n\n{processor()}; {installed}; commit {commit()}.\n"
    )


def _share(found: pd.Series) -> str:
    interval = binomtest(int(found.sum()), len(found)).proportion_ci()
    return f"{int(found.sum())} of {len(found)} [{interval.low:.2f}, {interval.high:.2f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=12)
    draws = parser.parse_args().draws
    torch.set_num_threads(1)
    tables = []
    for draw in track(range(FIRST, FIRST + draws), "draws", total=draws):
        with tempfile.TemporaryDirectory() as folder:
            tables.append(one_draw(Path(folder), draw).assign(draw=draw))
    rows = pd.concat(tables).query("metric == 'accuracy'")
    columns = ["draw", "dataset", "image", "patient", "difference", "low", "high", "p_value"]
    rows = rows[[*columns, "each_seed"]].sort_values(["dataset", "draw"])
    write_csv(RESULTS / "leakage_control.csv", rows.round(6))
    write_text(RESULTS / "leakage_control.md", page(rows))


if __name__ == "__main__":
    main()
