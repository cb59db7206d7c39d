"""The command line: every rule's work runnable alone, and trained networks on one's own images.

python -m paper_code COMMAND --help
"""

import argparse
import errno
import importlib
import sys
from pathlib import Path

from paper_code.errors import UserError
from paper_code.progress import say

TABLES = {
    "01": "table_01_resnet50",
    "02": "table_02_layer_placement",
    "03": "table_03_breakhis",
    "04": "table_04_bach",
    "05": "table_05_mini_ddsm",
    "06": "table_06_splits",
    "07": "table_07_breakhis_comparison",
    "08": "table_08_bach_mini_ddsm_comparison",
    "09": "table_09_breakhis_cost",
    "10": "table_10_bach_mini_ddsm_cost",
    "11": "table_11_breakhis_diagnostics",
    "12": "table_12_bach_mini_ddsm_diagnostics",
    "13": "table_13_cam_properties",
    "14": "table_14_cam_localization",
    "cam_comparisons": "cam_comparisons",
    "cam_ablation": "cam_ablation",
    "cam_faithfulness": "cam_faithfulness",
    "own_data": "own_data",
    "comparisons": "comparisons",
    "balanced": "balanced",
    "leakage": "leakage",
    "convergence": "convergence",
    "gate": "gate",
}
FIGURES = {
    "01": "figure_01_framework",
    "02": "figure_02_dalaresnet50",
    "03": "figure_03_breakhis_samples",
    "04": "figure_04_bach_samples",
    "05": "figure_05_mini_ddsm_samples",
    "06": "figure_06_confusion_matrices",
    "07": "figure_07_cam_comparison",
    "leakage": "figure_leakage",
    "reliability": "figure_reliability",
    "roc": "figure_roc",
    "precision_recall": "figure_precision_recall",
    "convergence": "figure_convergence",
}
# What to do about the errors of the file system that a user can mend.
ADVICE = {
    errno.ENOENT: "Check the path, or make that file first.",
    errno.ENOTDIR: "Check the path.",
    errno.EISDIR: "Check the path.",
    errno.EACCES: "Choose another place or change its permissions.",
    errno.EROFS: "Choose another place.",
    errno.ENOSPC: "Free some space or choose another place.",
    errno.EDQUOT: "Free some space or choose another place.",
}


def add_fetch(parser: argparse.ArgumentParser) -> None:
    """Download, verify and unpack a data set (or print the steps)."""
    parser.add_argument("name", choices=["breakhis", "bach", "mini_ddsm"])
    parser.add_argument("--data-root", default="data", help="where to unpack (default: data)")
    parser.add_argument("--url", help="another address of the same archive")
    parser.add_argument("--checksum", help="md5:... or sha256:... that the archive must have")


def run_fetch(args: argparse.Namespace) -> None:
    from paper_code.datasets.fetch import fetch_dataset

    fetch_dataset(args.name, args.data_root, url=args.url, checksum=args.checksum)


def add_phantom(parser: argparse.ArgumentParser) -> None:
    """Write synthetic images in a data set's published layout."""
    parser.add_argument("family", choices=["breakhis", "bach", "mini_ddsm"])
    parser.add_argument("--output", required=True, help="folder to create; replaced if it exists")
    parser.add_argument("--images", type=_limit, default="all", help="images a data set")
    parser.add_argument("--height", type=_positive, required=True, help="px")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lesion-scale", type=float, default=1.0, help="of mini_ddsm")
    parser.add_argument("--workers", type=_positive, default=1)


def run_phantom(args: argparse.Namespace) -> None:
    from paper_code.phantoms import write_phantom

    write_phantom(
        args.family, args.output, images=args.images, height=args.height, seed=args.seed,
        lesion_scale=args.lesion_scale, workers=args.workers,
    )  # fmt: skip


def add_manifest(parser: argparse.ArgumentParser) -> None:
    """List a data set's images, check them, and draw those to use."""
    parser.add_argument("name", help="data set, as in the config")
    parser.add_argument("--data-root", default="data")
    parser.add_argument("--source", choices=["real", "phantom"], default="real")
    parser.add_argument("--manifest", help="manifest.csv of a set of your own")
    parser.add_argument("--classes", nargs="+", help="its classes in order, the positive one last")
    parser.add_argument("--limit", type=_limit, default="all", help="draw so many images at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=_positive, default=1)
    parser.add_argument("--output", required=True, help="manifest.csv to write")


def run_manifest(args: argparse.Namespace) -> None:
    from paper_code.datasets.catalog import find_dataset
    from paper_code.datasets.prepare import make_manifest

    entry = {"path": args.manifest} | ({"classes": args.classes} if args.classes else {})
    make_manifest(
        find_dataset(args.name, {args.name: entry} if args.manifest else None),
        args.data_root,
        args.source,
        args.output,
        seed=args.seed,
        limit=args.limit,
        workers=args.workers,
    )


def add_prepare(parser: argparse.ArgumentParser) -> None:
    """Resize a manifest's images into one array."""
    parser.add_argument("manifest", help="manifest.csv with source.json beside it")
    parser.add_argument("--image-size", type=_positive, default=224, help="px (default: 224)")
    parser.add_argument("--workers", type=_positive, default=1)
    parser.add_argument("--output", required=True, help="folder for images.npy and masks.npy")


def run_prepare(args: argparse.Namespace) -> None:
    from paper_code.datasets.prepare import prepare

    prepare(args.manifest, args.output, image_size=args.image_size, workers=args.workers)


def add_split(parser: argparse.ArgumentParser) -> None:
    """Assign a manifest's images to train, val and test."""
    parser.add_argument("manifest")
    parser.add_argument("--by", choices=["image", "patient"], default="image")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", required=True, help="CSV to write")


def run_split(args: argparse.Namespace) -> None:
    from paper_code.datasets.splits import make_split

    make_split(args.manifest, args.output, by=args.by, seed=args.seed)


def add_train(parser: argparse.ArgumentParser) -> None:
    """Train one network on one data set; goes on from a checkpoint if one is there."""
    parser.add_argument("network", help="one of the nine, or dalaresnet50-layer1 to -layer4")
    parser.add_argument("--prepared", required=True, help="folder of the prepared data set")
    parser.add_argument("--split", required=True, help="CSV of the split")
    parser.add_argument("--by", choices=["image", "patient"], default="image")
    parser.add_argument("--output", required=True, help="folder of the run")
    parser.add_argument("--checkpoints", help="folder for the checkpoint (default: in --output)")
    parser.add_argument("--weights", choices=["auto", "imagenet", "random"], default="auto")
    parser.add_argument("--freeze-backbone", choices=["true", "false"], default="false")
    parser.add_argument("--epochs", type=_positive, default=50)
    parser.add_argument("--batch-size", type=_positive, default=32)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--dropout", type=float, default=0.25)
    parser.add_argument("--rotation", type=float, default=15.0, help="degrees")
    parser.add_argument("--select-epoch", choices=["best", "last"], default="best")
    parser.add_argument("--precision", choices=["auto", "fp32", "bf16", "fp16"], default="auto")
    parser.add_argument("--recalibrate-batchnorm", choices=["true", "false"], default="false")
    parser.add_argument("--checkpoint-seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=_positive, help="CPU threads (default: all cores)")


def run_train(args: argparse.Namespace) -> None:
    import torch

    from paper_code.training.loop import TrainingSettings
    from paper_code.training.run import train_run

    if args.threads:
        torch.set_num_threads(args.threads)
    settings = TrainingSettings(
        epochs=args.epochs,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        rotation=args.rotation,
        select_epoch=args.select_epoch,
        precision=args.precision,
        recalibrate_batchnorm=args.recalibrate_batchnorm == "true",
        checkpoint_seconds=args.checkpoint_seconds,
        seed=args.seed,
    )
    train_run(
        args.network, args.prepared, args.split, args.output, settings, weights=args.weights,
        freeze=args.freeze_backbone == "true", dropout=args.dropout, by=args.by,
        checkpoint_dir=args.checkpoints,
    )  # fmt: skip


def add_cam(parser: argparse.ArgumentParser) -> None:
    """Score the maps of every CAM method on the test images of one run."""
    parser.add_argument(
        "--run", dest="folder", required=True, help="folder of the run, with its weights"
    )
    parser.add_argument("--prepared", required=True, help="folder of its prepared data set")
    parser.add_argument("--output", required=True, help="folder to write")
    parser.add_argument("--cam-images", type=_limit, default="all", help="test images, or all")
    parser.add_argument("--scorecam-images", type=_positive, default=50, help="of these")
    parser.add_argument("--cam-copies", type=_positive, default=10, help="N of DT Grad-CAM")
    parser.add_argument("--cam-sigma", type=float, default=0.1, help="of the [-1, 1] image")
    parser.add_argument("--cam-kernel", type=_positive, default=5, help="px, odd")
    parser.add_argument("--cam-precision", choices=["full", "bfloat16"], default="full")
    parser.add_argument("--threads", type=_positive, help="CPU threads (default: all cores)")


def run_cam(args: argparse.Namespace) -> None:
    import torch

    from paper_code.cam.evaluation import evaluate_run

    if args.threads:
        torch.set_num_threads(args.threads)
    evaluate_run(
        args.folder, args.prepared, args.output, images=args.cam_images,
        scorecam_images=args.scorecam_images, copies=args.cam_copies, sigma=args.cam_sigma,
        kernel_size=args.cam_kernel, precision=args.cam_precision,
    )  # fmt: skip


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    """Metrics, with intervals, of a run or of weights on labelled images; also as CSV."""
    parser.add_argument("source", help="folder of a run, or a weights.safetensors file")
    images = parser.add_mutually_exclusive_group()
    images.add_argument("--prepared", help="folder of a prepared data set to predict now")
    images.add_argument("--manifest", help="manifest.csv (path,label,group) to predict now")
    parser.add_argument("--split", help="CSV of the split of --prepared; without it all images")
    parser.add_argument("--part", choices=["train", "val", "test"], help="(default: test)")
    parser.add_argument("--resamples", type=_positive, default=1000, help="of the bootstrap")
    parser.add_argument("--output", "-o", required=True, help="CSV to write")


def run_evaluate(args: argparse.Namespace) -> None:
    from paper_code.inference.predict import evaluate

    table = evaluate(
        args.source, args.output, prepared=args.prepared, split=args.split,
        manifest=args.manifest, part=args.part, resamples=args.resamples,
    )  # fmt: skip
    print(table[["metric", "value", "low", "high"]].round(3).to_string(index=False))


def add_predict(parser: argparse.ArgumentParser) -> None:
    """Class probabilities of images of your own, as CSV.

    A file that cannot be used is named and skipped; the exit status is then 1 instead of 0.
    """
    parser.add_argument("images", nargs="+", help="image files, or folders with images")
    parser.add_argument("--weights", required=True, help="weights.safetensors of a run")
    parser.add_argument("--output", "-o", required=True, help="CSV to write")


def run_predict(args: argparse.Namespace) -> int:
    from paper_code.inference.predict import predict_images

    return 1 if predict_images(args.weights, args.images, args.output) else 0


def add_explain(parser: argparse.ArgumentParser) -> None:
    """Class activation maps over images of your own, with a CSV of class probabilities.

    A file that cannot be used is named and skipped; the exit status is then 1 instead of 0.
    """
    parser.add_argument("images", nargs="+", help="image files, or folders with images")
    parser.add_argument("--weights", required=True, help="weights.safetensors of a run")
    parser.add_argument(
        "--method", default="dt_gradcam",
        help="gradcam, scorecam, eigencam, dt_gradcam (default), gradcam_plusplus or hirescam",
    )  # fmt: skip
    parser.add_argument("--class", dest="target", help="class to explain (default: the predicted)")
    parser.add_argument(
        "--layer", help="name of the layer to read (default: the network's last map)"
    )
    parser.add_argument("--output", "-o", required=True, help="folder for overlays and CSV")


def run_explain(args: argparse.Namespace) -> int:
    from paper_code.inference.explain import explain_images

    skipped = explain_images(
        args.weights, args.images, args.output, args.method, target=args.target, layer=args.layer
    )
    return 1 if skipped else 0


def add_doctor(parser: argparse.ArgumentParser) -> None:
    """What this machine can do: hardware, disk, data, weights, time of each scale.

    The exit status is 1 if something stands in the way of a run.
    """
    parser.add_argument("--data-root", help="folder of the data sets (default: from the config)")
    parser.add_argument(
        "--probe", choices=["smoke", "demo", "paper"],
        help="estimate this scale's training time from a few steps of every network",
    )  # fmt: skip


def run_doctor(args: argparse.Namespace) -> int:
    from paper_code.doctor import doctor

    return 1 if doctor(args.data_root, args.probe) else 0


def add_table(parser: argparse.ArgumentParser) -> None:
    """Build one table from files; takes what that table needs of the options."""
    parser.add_argument("number", choices=list(TABLES))
    _add_inputs(parser)
    parser.add_argument("--splits", nargs="+", help="split CSVs, in the order of --prepared")
    parser.add_argument("--by", choices=["image", "patient"])
    parser.add_argument("--resamples", type=_positive, help="of the bootstrap intervals")
    parser.add_argument("--output", required=True, help=".csv to write; the .md comes beside it")


def run_table(args: argparse.Namespace) -> None:
    module = importlib.import_module(f"paper_code.reporting.{TABLES[args.number]}")
    _call(module.write, args)


def add_figure(parser: argparse.ArgumentParser) -> None:
    """Draw one figure from files; takes what that figure needs of the options."""
    parser.add_argument("number", choices=list(FIGURES))
    _add_inputs(parser)
    parser.add_argument("--table", help="CSV of the table that is drawn")
    parser.add_argument("--output", required=True, help=".png to write; the .pdf comes beside it")


def run_figure(args: argparse.Namespace) -> None:
    module = importlib.import_module(f"paper_code.reporting.{FIGURES[args.number]}")
    _call(module.draw, args)


def add_page(parser: argparse.ArgumentParser) -> None:
    """Turn the tables' Markdown pages into HTML, as the report shows them."""
    parser.add_argument("tables", nargs="+", help=".md files")
    parser.add_argument("--output", required=True, help="folder for the .html files")


def run_page(args: argparse.Namespace) -> None:
    from paper_code.reporting.html import write_pages

    write_pages(args.tables, args.output)


def add_audit(parser: argparse.ArgumentParser) -> None:
    """Check the paper's own numbers by arithmetic; needs no data."""
    parser.add_argument("--output", "-o", required=True, help="folder for audit.csv and audit.md")


def run_audit(args: argparse.Namespace) -> None:
    from paper_code.audit import write_audit

    write_audit(args.output)


def _add_tables(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tables", nargs="*", default=[], help="CSV files of tables")
    parser.add_argument("--scale", choices=["smoke", "demo", "paper"], required=True)


def add_claims(parser: argparse.ArgumentParser) -> None:
    """Put the paper's claims to the test, on tables made before."""
    _add_tables(parser)
    parser.add_argument("--output", required=True, help=".csv to write; the .md comes beside it")


def run_claims(args: argparse.Namespace) -> None:
    from paper_code.reporting.claims.table import write_claims

    write_claims(args.output, args.tables, args.scale)


def add_summary(parser: argparse.ArgumentParser) -> None:
    """Write one page on what was reproduced, on tables made before."""
    _add_tables(parser)
    parser.add_argument("--output", required=True, help=".md to write")


def run_summary(args: argparse.Namespace) -> None:
    from paper_code.reporting.claims.summary import write_summary

    write_summary(args.output, args.tables, args.scale)


def add_notebook(parser: argparse.ArgumentParser) -> None:
    """Execute notebooks against results: to HTML, or in place."""
    parser.add_argument("notebooks", nargs="+", help=".ipynb files")
    parser.add_argument("--results", default=".", help="folder with tables/ and figures/")
    parser.add_argument("--html", help="folder for NAME.html; without it the files are rewritten")


def run_notebook(args: argparse.Namespace) -> None:
    from paper_code.reporting.notebooks.execute import execute_notebooks

    execute_notebooks(args.notebooks, args.results, args.html)


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prepared", nargs="+", help="folders of prepared data sets")
    parser.add_argument("--runs", nargs="+", help="run.json files")
    parser.add_argument("--cams", nargs="+", help="cam.json files")
    parser.add_argument("--scale", choices=["smoke", "demo", "paper"], help="for the record")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def _limit(text: str) -> int | None:
    return None if text == "all" else _positive(text)


def _call(function, args: argparse.Namespace) -> None:
    """Call with the options that `function` takes; a missing one is a clear error."""
    import inspect

    options = {k: v for k, v in vars(args).items() if v is not None}
    wanted = [p for p in inspect.signature(function).parameters if p != "output"]
    missing = [f"--{name.replace('_', '-')}" for name in wanted if name not in options]
    if missing:
        raise UserError(f"{args.command} {args.number} needs {', '.join(missing)}.")
    function(args.output, **{name: options[name] for name in wanted})


COMMANDS = {
    "fetch": (add_fetch, run_fetch),
    "phantom": (add_phantom, run_phantom),
    "manifest": (add_manifest, run_manifest),
    "prepare": (add_prepare, run_prepare),
    "split": (add_split, run_split),
    "train": (add_train, run_train),
    "cam": (add_cam, run_cam),
    "evaluate": (add_evaluate, run_evaluate),
    "predict": (add_predict, run_predict),
    "explain": (add_explain, run_explain),
    "table": (add_table, run_table),
    "figure": (add_figure, run_figure),
    "page": (add_page, run_page),
    "audit": (add_audit, run_audit),
    "doctor": (add_doctor, run_doctor),
    "claims": (add_claims, run_claims),
    "summary": (add_summary, run_summary),
    "notebook": (add_notebook, run_notebook),
}
# How `--help` shows them; a command that is in no group stands under the last heading.
GROUPS = {
    "data": ("fetch", "phantom", "manifest", "prepare", "split"),
    "networks": ("train", "evaluate", "predict", "explain"),
    "results": ("cam", "table", "figure", "claims", "summary", "page", "notebook", "audit"),
    "this machine": ("doctor",),
    "more": (),
}


def _tour() -> str:
    """Every command in its group with one line each."""
    grouped = {name for names in GROUPS.values() for name in names}
    rest = tuple(name for name in COMMANDS if name not in grouped)
    lines = []
    for group, names in (GROUPS | {"more": rest}).items():
        known = [name for name in names if name in COMMANDS]
        lines += [f"{group}:"] * bool(known)
        lines += [f"    {name:<10} {_first_line(COMMANDS[name][0])}" for name in known]
    return "\n".join([*lines, "", "python -m paper_code COMMAND --help explains a command."])


def _first_line(add) -> str:
    return add.__doc__.strip().splitlines()[0]


def make_parser() -> argparse.ArgumentParser:
    """The parser with all commands."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_code",
        description="DALAResNet50 and DT Grad-CAM: every step from raw files to the paper's tables"
        " and figures.\nAll steps at once: snakemake --cores all",
        epilog=_tour(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", help="one of those below"
    )
    for name, (add, run) in COMMANDS.items():
        command = commands.add_parser(
            name, description=add.__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
        )
        add(command)
        command.set_defaults(run=run)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Exit status: 0 done; 1 done, but not for everything (what was left out is named); 2 a mistake
    that the user can mend; 130 interrupted.
    """
    args = make_parser().parse_args(arguments)
    try:
        return args.run(args) or 0
    except UserError as error:
        say(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        say("interrupted; run the same command again to go on")
        return 130
    except OSError as error:
        if error.errno not in ADVICE:
            raise
        where = f" ({Path(error.filename)})" if error.filename else ""
        say(f"error: {error.strerror}{where}. {ADVICE[error.errno]}")
        return 2


if __name__ == "__main__":
    sys.exit(main())
