"""How often the control of the leakage table comes out as it should, over draws of its images.

    python benchmarks/leakage_control.py [--draws 12] [--folder DIR]

Each draw: other synthetic images and patients of both sets (patients distinct, patients alike), and
a run for each of three seeds of its own by image and by patient, as the demo makes them. The demo's
own draw, on which the control was set up, is none of them. About 3 minutes of one core for a draw;
runs below --folder are kept, and the same command goes on after them.

Counted for each set: draws in which a split by image is ahead for all three seeds, and draws in
which the table's own test of the accuracy says so (p < 0.05, by image ahead). Where patients are
alike the second is a false alarm, of which at most 2.5 % are to be expected; so few draws measure
the power of the control, not that level (benchmarks/verdicts.py does).

Results go to benchmarks/results/leakage_control.{csv,md}.
"""

import argparse
import tempfile
from pathlib import Path

import pandas as pd
import torch
from scipy.stats import binomtest

from paper_code.config import load_config, resolve_settings, settings_of
from paper_code.datasets.catalog import find_dataset
from paper_code.datasets.control import SIGNALS
from paper_code.datasets.prepare import make_manifest, prepare
from paper_code.datasets.splits import make_split
from paper_code.files import write_csv, write_text
from paper_code.phantoms import write_phantom
from paper_code.progress import track
from paper_code.provenance import commit, processor, versions
from paper_code.reporting.markdown import markdown
from paper_code.reporting.tables.leakage import leakage_rows
from paper_code.runs import FACTS, WEIGHTS, load_run
from paper_code.training.checkpoint import fingerprint
from paper_code.training.loop import TrainingSettings
from paper_code.training.run import train_run

RESULTS = Path(__file__).parent / "results"
SEEDS = 3  # of each draw
FIRST = 100  # draw; the demo's is 0
TITLES = {"control_distinct": "distinct", "control_alike": "alike"}


def one_draw(folder: Path, draw: int, settings: dict) -> pd.DataFrame:
    """The rows of the control's table for one draw of its images."""
    raw = folder / "raw"
    if not raw.exists():
        size = settings["phantom_height"]["control"]
        images = settings["phantom_images"]["control"]
        write_phantom("control", raw, images=images, height=size, seed=draw)
    prepared, runs = [], []
    for name in SIGNALS:
        own = settings_of(settings, name)
        home = folder / "prepared" / name
        if not (home / "images.npy").exists():
            make_manifest(
                find_dataset(name), raw, "phantom", home / "manifest.csv", seed=draw, limit=None
            )
            prepare(home / "manifest.csv", home, image_size=own["image_size"])
        prepared.append(str(home))
        for by in ("image", "patient"):
            for seed in range(SEEDS * draw, SEEDS * (draw + 1)):
                split = folder / "splits" / name / f"{by}-{seed}.csv"
                run = folder / "runs" / name / f"{by}-{seed}"
                runs.append(str(run / FACTS))
                if not (run / FACTS).exists():
                    make_split(home / "manifest.csv", split, by=by, seed=seed)
                    training = TrainingSettings.of(own, seed=seed)
                    shared = {"weights": "random", "freeze": False, "dropout": own["dropout"]}
                    train_run(
                        settings["leakage_networks"][0],
                        home,
                        split,
                        run,
                        training,
                        **shared,
                    )
                    (run / WEIGHTS).unlink()
    loaded = [load_run(path) for path in runs]
    return leakage_rows(loaded, prepared, scale="demo", resamples=settings["bootstrap_resamples"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=12)
    parser.add_argument("--folder", type=Path, help="for the runs; a temporary one if not given")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    settings = resolve_settings(load_config() | {"scale": "demo", "data": "phantom"})
    with tempfile.TemporaryDirectory() as temporary:
        # Kept runs of other settings are others.
        made_by = {name: settings_of(settings, name) for name in SIGNALS}
        folder = (arguments.folder or Path(temporary)) / fingerprint(made_by)[:12]
        tables = [
            one_draw(folder / str(draw), draw, settings).assign(draw=draw)
            for draw in track(range(FIRST, FIRST + arguments.draws), "draws")
        ]
    rows = pd.concat(tables).query("metric == 'accuracy'")
    columns = ["draw", "dataset", "image", "patient", "difference", "low", "high", "p_value"]
    rows = rows[[*columns, "each_seed"]].sort_values(["dataset", "draw"])
    write_csv(RESULTS / "leakage_control.csv", rows.round(6))
    write_text(RESULTS / "leakage_control.md", page(rows))


def page(rows: pd.DataFrame) -> str:
    lines = []
    for name, signal in SIGNALS.items():
        own = rows[rows["dataset"] == name]
        every = own["each_seed"].str.split().map(lambda each: min(map(float, each)) > 0)
        alarms = (own["p_value"] < 0.05) & (own["difference"] > 0)
        lines.append(
            {
                "Patients": f"{TITLES[name]} (signal {signal:g})",
                "By image": f"{own['image'].mean():.3f}",
                "By patient": f"{own['patient'].mean():.3f}",
                "Difference": f"{own['difference'].mean():+.3f} ± {own['difference'].std():.3f}",
                "By image ahead, all seeds": _share(every),
                "p < 0.05, by image ahead": _share(alarms),
            }
        )
    return (
        "# How often the control of the leakage table comes out as it should\n\n"
        f"{rows['draw'].nunique()} draws of the images, each with three seeds. Accuracy: mean over "
        "the draws (± standard deviation between draws); counts with their 95 % interval "
        "(Clopper-Pearson). By chance, all three seeds are ahead in one draw of eight.\n\n"
        + markdown(pd.DataFrame(lines))
        + f"\n\nHardware: {processor()}. "
        f"Versions: {', '.join(f'{k} {v}' for k, v in versions().items())}. Commit: {commit()}.\n"
    )


def _share(found: pd.Series) -> str:
    interval = binomtest(int(found.sum()), len(found)).proportion_ci()
    return f"{int(found.sum())} of {len(found)} [{interval.low:.2f}, {interval.high:.2f}]"


if __name__ == "__main__":
    main()
