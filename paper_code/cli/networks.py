"""Commands that train networks and use trained ones."""

import argparse

from paper_code.cli.options import add_config, add_output, limit, positive, seed
from paper_code.config import defaults
from paper_code.device import PRECISIONS


def _add_threads(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--threads", type=positive, help="CPU threads; without it all cores")


def _use_threads(args: argparse.Namespace) -> None:
    import torch

    if args.threads:
        torch.set_num_threads(args.threads)


def add_train(parser: argparse.ArgumentParser) -> None:
    """Train one network on one data set; goes on from a checkpoint if one is there."""
    parser.add_argument("network", help="as in the config, such as dalaresnet50-layer2")
    parser.add_argument("--prepared", required=True, help="folder of the prepared data set")
    parser.add_argument("--split", required=True, help="CSV of the command 'split'")
    add_output(parser, "folder of the run")
    parser.add_argument("--force", action="store_true", help="replace a finished run in --output")
    parser.add_argument("--checkpoints", help="folder for the checkpoint; without it --output")
    add_config(parser, "weights", "to start from", choices=["auto", "imagenet", "random"])
    add_config(parser, "freeze_backbone", "train only the head and the gate")
    add_config(parser, "epochs", "passes over the training part", type=positive)
    add_config(parser, "batch_size", "images per step", type=positive)
    add_config(parser, "learning_rate", "of Adam")
    add_config(parser, "dropout", "rate before the last linear layer")
    add_config(parser, "rotation", "largest angle of the augmentation in degrees", type=float)
    add_config(parser, "select_epoch", "the epoch that is tested", choices=["best", "last"])
    add_config(parser, "precision", "of the arithmetic", choices=PRECISIONS)
    add_config(parser, "compile", "train through torch.compile")
    add_config(parser, "recalibrate_batchnorm", "before each evaluation, for short runs")
    add_config(parser, "checkpoint_seconds", "between two checkpoints", type=float)
    parser.add_argument("--seed", type=seed, default=0, help="of weights, order and augmentation")
    _add_threads(parser)


def run_train(args: argparse.Namespace) -> None:
    from paper_code.training.loop import TrainingSettings
    from paper_code.training.run import train_run

    _use_threads(args)
    settings = TrainingSettings(
        epochs=args.epochs,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        rotation=args.rotation,
        select_epoch=args.select_epoch,
        precision=args.precision,
        compile=args.compile == "true",
        recalibrate_batchnorm=args.recalibrate_batchnorm == "true",
        checkpoint_seconds=args.checkpoint_seconds,
        seed=args.seed,
    )
    train_run(
        args.network,
        args.prepared,
        args.split,
        args.output,
        settings,
        weights=args.weights,
        freeze=args.freeze_backbone == "true",
        dropout=args.dropout,
        checkpoint_dir=args.checkpoints,
        force=args.force,
    )


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    """Metrics, with intervals, of a run or of weights on labelled images; also as CSV."""
    parser.add_argument("source", help="folder of a run, or a weights.safetensors file")
    images = parser.add_mutually_exclusive_group()
    images.add_argument("--prepared", help="folder of a prepared data set to predict now")
    images.add_argument("--manifest", help="manifest.csv (path,label,group) to predict now")
    parser.add_argument("--split", help="CSV of the split of --prepared; without it all images")
    parser.add_argument(
        "--part", choices=["train", "val", "test"], help="of the split (default: test)"
    )
    resamples = defaults()["bootstrap_resamples"]
    parser.add_argument("--resamples", type=positive, default=resamples, help="of the bootstrap")
    add_output(parser, "CSV to write")


def run_evaluate(args: argparse.Namespace) -> None:
    from paper_code.inference.evaluate import evaluate

    table = evaluate(
        args.source,
        args.output,
        prepared=args.prepared,
        split=args.split,
        manifest=args.manifest,
        part=args.part,
        resamples=args.resamples,
    )
    print(table[["metric", "value", "low", "high"]].round(3).to_string(index=False))


def add_predict(parser: argparse.ArgumentParser) -> None:
    """Class probabilities of images of your own, as CSV.

    A file that cannot be used is named and skipped; the exit status is then 1 instead of 0.
    """
    parser.add_argument("images", nargs="+", help="image files, or folders with images")
    parser.add_argument("--weights", required=True, help="weights.safetensors of a run")
    add_output(parser, "CSV to write")


def run_predict(args: argparse.Namespace) -> int:
    from paper_code.inference.predict import predict_images

    return 1 if predict_images(args.weights, args.images, args.output) else 0


def add_explain(parser: argparse.ArgumentParser) -> None:
    """Class activation maps over images of your own: overlays, a CSV, and a page for the browser.

    OUTPUT/index.html shows them all and needs no internet connection. A file that cannot be
    used is named and skipped; the exit status is then 1 instead of 0.
    """
    parser.add_argument("images", nargs="+", help="image files, or folders with images")
    parser.add_argument("--weights", required=True, help="weights.safetensors of a run")
    parser.add_argument(
        "--method",
        nargs="+",
        default=["dt_gradcam"],
        help="one or more of gradcam, scorecam, eigencam, dt_gradcam (the default), "
        "gradcam_plusplus and hirescam, or all",
    )
    parser.add_argument(
        "--masks",
        help="lesion masks to outline and to score the maps against: a folder of files named like "
        "the images, or a manifest.csv with the columns path, label and mask",
    )
    parser.add_argument("--class", dest="target", help="class to explain (default: the predicted)")
    parser.add_argument("--layer", help="layer to read (default: the network's last map)")
    add_output(parser, "folder for overlays and CSV")


def run_explain(args: argparse.Namespace) -> int:
    from paper_code.inference.explain import explain_images

    skipped = explain_images(
        args.weights,
        args.images,
        args.output,
        args.method,
        target=args.target,
        masks=args.masks,
        layer=args.layer,
    )
    return 1 if skipped else 0


def add_export(parser: argparse.ArgumentParser) -> None:
    """A trained network as one ONNX or TorchScript file, checked against the network.

    It takes RGB values from 0 to 255 and gives class probabilities; the file's metadata say how.
    """
    parser.add_argument("weights", help="weights.safetensors of a run")
    form = parser.add_mutually_exclusive_group(required=True)
    form.add_argument(
        "--onnx",
        dest="form",
        action="store_const",
        const="onnx",
        help="needs the extra: pip install '.[export]'",
    )
    form.add_argument("--torchscript", dest="form", action="store_const", const="torchscript")
    add_output(parser, "file to write")


def run_export(args: argparse.Namespace) -> None:
    from paper_code.inference.export import export_network

    export_network(args.weights, args.output, args.form)


def add_card(parser: argparse.ArgumentParser) -> None:
    """A model card for the weights of a run, in the format of Hugging Face."""
    parser.add_argument("folder", metavar="RUN", help="folder of the run, with its weights")
    parser.add_argument("--output", "-o", help="Markdown to write; without it RUN/model_card.md")


def run_card(args: argparse.Namespace) -> None:
    from paper_code.inference.card import write_card

    write_card(args.folder, args.output)


def add_cam(parser: argparse.ArgumentParser) -> None:
    """Score the maps of every CAM method on the test images of one run."""
    parser.add_argument(
        "--run", dest="folder", required=True, help="folder of the run, with its weights"
    )
    parser.add_argument("--prepared", required=True, help="folder of its prepared data set")
    add_output(parser, "folder to write")
    add_config(parser, "cam_images", "test images with a lesion, or all", type=limit)
    add_config(parser, "scorecam_images", "of these, for Score-CAM", type=positive)
    add_config(parser, "faithfulness_images", "of these, for deletion and insertion", type=limit)
    add_config(parser, "cam_tuning_images", "validation images for parameters", type=positive)
    add_config(parser, "cam_copies", "N of DT Grad-CAM", type=positive)
    add_config(parser, "cam_sigma", "noise of DT Grad-CAM, in units of the [-1, 1] image")
    add_config(parser, "cam_kernel", "of DT Grad-CAM's morphology: px, odd", type=positive)
    add_config(parser, "cam_precision", "of the maps", choices=PRECISIONS)
    _add_threads(parser)


def run_cam(args: argparse.Namespace) -> None:
    from paper_code.cam.evaluation import evaluate_run

    _use_threads(args)
    evaluate_run(
        args.folder,
        args.prepared,
        args.output,
        images=args.cam_images,
        scorecam_images=args.scorecam_images,
        faithfulness_images=args.faithfulness_images,
        tuning_images=args.cam_tuning_images,
        copies=args.cam_copies,
        sigma=args.cam_sigma,
        kernel_size=args.cam_kernel,
        precision=args.cam_precision,
    )


COMMANDS = {
    "train": (add_train, run_train),
    "evaluate": (add_evaluate, run_evaluate),
    "predict": (add_predict, run_predict),
    "explain": (add_explain, run_explain),
    "export": (add_export, run_export),
    "card": (add_card, run_card),
    "cam": (add_cam, run_cam),
}
