"""Commands from raw files to splits: fetch, phantom, manifest, prepare, split."""

import argparse

from paper_code.cli.options import FAMILIES, add_config, add_output, limit, positive, seed


def add_fetch(parser: argparse.ArgumentParser) -> None:
    """Download, verify and unpack a data set (or print the steps)."""
    parser.add_argument("name", choices=FAMILIES)
    add_config(parser, "data_root", "where to unpack")
    parser.add_argument("--url", help="another address of the same archive")
    parser.add_argument("--checksum", help="md5:... or sha256:... that the archive must have")


def run_fetch(args: argparse.Namespace) -> None:
    from paper_code.datasets.fetch import fetch_dataset

    fetch_dataset(args.name, args.data_root, url=args.url, checksum=args.checksum)


def add_phantom(parser: argparse.ArgumentParser) -> None:
    """Write synthetic images in a data set's published layout."""
    parser.add_argument("family", choices=FAMILIES)
    add_output(parser, "folder to create; replaced if it exists")
    parser.add_argument("--images", type=limit, default="all", help="images per data set")
    parser.add_argument("--height", type=positive, required=True, help="height of the images in px")
    parser.add_argument("--seed", type=seed, default=0, help="of the drawing")
    add_config(parser, "phantom_lesion_scale", "size and contrast of lesions, of mini_ddsm")
    add_config(parser, "phantom_patient_signal", "how far patients differ, of breakhis and bach")
    parser.add_argument("--workers", type=positive, default=1, help="processes")


def run_phantom(args: argparse.Namespace) -> None:
    from paper_code.phantoms import write_phantom

    write_phantom(
        args.family,
        args.output,
        images=args.images,
        height=args.height,
        seed=args.seed,
        lesion_scale=args.phantom_lesion_scale,
        patient_signal=args.phantom_patient_signal,
        workers=args.workers,
    )


def add_manifest(parser: argparse.ArgumentParser) -> None:
    """List a data set's images, check them, and draw those to use."""
    parser.add_argument("name", help="data set, as in the config")
    add_config(parser, "data_root", "folder of the data sets")
    parser.add_argument(
        "--source", choices=["real", "phantom"], default="real", help="of the files"
    )
    parser.add_argument("--manifest", help="manifest.csv of your own images")
    parser.add_argument("--classes", nargs="+", help="in order, the positive one last")
    parser.add_argument("--limit", type=limit, default="all", help="draw at most this many images")
    parser.add_argument("--seed", type=seed, default=0, help="of the draw")
    parser.add_argument("--workers", type=positive, default=1, help="processes")
    add_output(parser, "manifest.csv to write")


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
    add_config(parser, "image_size", "side of the prepared images in px", type=positive)
    parser.add_argument("--workers", type=positive, default=1, help="processes")
    add_output(parser, "folder for images.npy, masks.npy and a copy of what describes them")


def run_prepare(args: argparse.Namespace) -> None:
    from paper_code.datasets.prepare import prepare

    prepare(args.manifest, args.output, image_size=args.image_size, workers=args.workers)


def add_split(parser: argparse.ArgumentParser) -> None:
    """Assign a manifest's images to train, val and test."""
    parser.add_argument("manifest", help="manifest.csv of the command 'manifest'")
    parser.add_argument(
        "--by", choices=["image", "patient"], default="image", help="what stays together"
    )
    parser.add_argument("--seed", type=seed, default=0, help="of the split")
    add_output(parser, "CSV to write")


def run_split(args: argparse.Namespace) -> None:
    from paper_code.datasets.splits import make_split

    make_split(args.manifest, args.output, by=args.by, seed=args.seed)


COMMANDS = {
    "fetch": (add_fetch, run_fetch),
    "phantom": (add_phantom, run_phantom),
    "manifest": (add_manifest, run_manifest),
    "prepare": (add_prepare, run_prepare),
    "split": (add_split, run_split),
}
