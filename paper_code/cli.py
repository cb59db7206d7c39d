"""The command line: every rule's work, runnable alone, and trained networks on your own images.

python -m paper_code COMMAND --help, or, after `pip install .`, dalaresnet50 COMMAND --help

A command is a function: its signature has the options, its docstring the help. Settings of
config/config.yaml are options too, where a command says so: --epochs 3.
"""

import errno
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter, Token, validators

from paper_code.datasets.tables import limit
from paper_code.errors import UserError
from paper_code.inference.options import Extras, Own
from paper_code.progress import say
from paper_code.settings import Mark, Settings, load_config, resolve_settings

SCRIPT = "dalaresnet50"  # the command that `pip install` makes
# Packages that a light installation leaves out, with the extra of pyproject.toml that has them.
EXTRAS = {
    "IPython": "reproduce",
    "matplotlib": "reproduce",
    "onnx": "export",
    "onnxruntime": "export",
    "onnxscript": "export",
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
    errno.EEXIST: "Choose another place, or move that away.",
    errno.ENAMETOOLONG: "Use shorter names.",
    errno.ELOOP: "Check the path: its links lead in a circle.",
    errno.EPERM: "Choose another place or change its permissions.",
    errno.EMFILE: "Allow more open files (ulimit -n 1024), or use fewer workers.",
    errno.ENFILE: "Close other programs, or use fewer workers.",
    errno.EFBIG: "Choose a file system that takes larger files.",
    errno.EIO: "The disk or its connection fails. Check it before anything else.",
    errno.ENOMEM: "Close other programs, or use fewer workers.",
}

app = App(
    name=SCRIPT if Path(sys.argv[0]).stem == SCRIPT else "python -m paper_code",
    help="DALAResNet50 and DT Grad-CAM: every step from raw files to the paper's tables and "
    "figures. All steps at once: snakemake --cores all",
    version_flags=[],
    default_parameter=Parameter(negative=(), consume_multiple=True),
    suppress_keyboard_interrupt=False,
)


def _check_limit(_: object, value: str) -> None:
    if value != "all" and not (value.isdecimal() and int(value) >= 1):
        raise ValueError("Must be a whole number of 1 or more, or all.")


def _whole_number(_: object, tokens: Sequence[Token]) -> int:
    if not tokens[0].value.isdecimal():
        raise ValueError("Must be a whole number.")
    return int(tokens[0].value)


Family = Literal["breakhis", "bach", "mini_ddsm"]
Scale = Literal["demo", "paper"]
Number = Annotated[int, Parameter(converter=_whole_number)]
Positive = Annotated[Number, Parameter(validator=validators.Number(gte=1))]
Limit = Annotated[str, Parameter(validator=_check_limit)]
Seed = Annotated[Number, Parameter(validator=validators.Number(lte=2**32 - 1))]
Output = Annotated[str, Parameter(name=["--output", "-o"])]
OwnNetwork = Annotated[Own | None, Parameter(name="*")]


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Exit status: 0 done; 1 done, but not for everything (what was left out is named); 2 a mistake
    that the user can mend; 130 interrupted.
    """
    try:
        status = app(
            arguments, exit_on_error=False, print_error=False, result_action="return_value"
        )
        return status or 0
    except CycloptsError as error:
        say(f"error: {' '.join(str(error).split())}")
        return 2
    except UserError as error:
        say(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        say("interrupted; run the same command again to go on")
        return 130
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        words = sys.argv[1:] if arguments is None else arguments
        say(
            f"error: {words[0]} needs the package {package}, which is not installed. "
            f"In a clone of this repository: pip install '.[{EXTRAS[package]}]'"
        )
        return 2
    except OSError as error:
        if error.errno not in ADVICE:
            raise
        where = f" ({Path(error.filename)})" if isinstance(error.filename, str) else ""
        say(f"error: {error.strerror}{where}. {ADVICE[error.errno]}")
        return 2
    except ImportError as error:
        if os.strerror(errno.EMFILE) not in str(error):
            raise
        say(f"error: {error}. {ADVICE[errno.EMFILE]}")
        return 2
    except MemoryError:
        say("error: not enough memory. Close other programs, or use fewer workers.")
        return 2


def _settings(
    given: dict[str, str], names: Mark | Sequence[str], file: str | None = None
) -> Settings:
    """Settings of a file, else the defaults of the paper scale, with those given as options.

    UserError if an option is none of `names` (or has not that mark), or has a wrong value.
    """
    names = Settings.names(names) if isinstance(names, str) else names
    changes = {name.replace("-", "_"): value for name, value in given.items()}
    for name in changes:
        if name not in names:
            raise UserError(
                f"No such option: --{name.replace('_', '-')}. Settings that are options here: "
                f"{', '.join(names)}."
            )
    config = load_config(file) if file else load_config() | {"scale": "paper"}
    return resolve_settings(config | changes)


def _use_threads(threads: int | None) -> None:
    import torch

    if threads:
        torch.set_num_threads(threads)


# --- from raw files to splits ---------------------------------------------------------------------


@app.command(group="data")
def fetch(
    name: Family, /, *, url: str | None = None, checksum: str | None = None, **settings: str
) -> None:
    """Download, verify and unpack a data set (or print the steps).

    Args:
        name: of the data set.
        url: another address of the same archive.
        checksum: md5:... or sha256:... that the archive must have.
        settings: data_root, the folder to unpack into.
    """
    from paper_code.datasets.fetch import fetch_dataset

    root = _settings(settings, ["data_root"]).data_root
    fetch_dataset(name, root, url=url, checksum=checksum)


@app.command(group="data")
def phantom(
    family: Family,
    /,
    *,
    output: Output,
    height: Positive,
    images: Limit = "all",
    seed: Seed = 0,
    workers: Positive = 1,
    **settings: str,
) -> None:
    """Write synthetic images in a data set's published layout.

    Args:
        family: of data sets.
        output: folder to create; replaced if it exists.
        height: of the images in px.
        images: of each data set.
        seed: of the drawing.
        workers: processes.
        settings: phantom_lesion_scale (of mini_ddsm), phantom_patient_signal (of the others).
    """
    from paper_code.phantoms import write_phantom

    drawn = _settings(settings, ["phantom_lesion_scale", "phantom_patient_signal"])
    write_phantom(
        family,
        output,
        images=limit(images),
        height=height,
        seed=seed,
        lesion_scale=drawn.phantom_lesion_scale,
        patient_signal=drawn.phantom_patient_signal,
        workers=workers,
    )


@app.command(group="data")
def manifest(
    name: str,
    /,
    *,
    output: Output,
    source: Literal["real", "phantom"] = "real",
    manifest: str | None = None,
    classes: list[str] | None = None,
    group_pattern: str | None = None,
    credit: str = "",
    limit_: Annotated[Limit, Parameter(name="--limit")] = "all",
    seed: Seed = 0,
    workers: Positive = 1,
    **settings: str,
) -> None:
    """List a data set's images, check them, and draw those to use.

    Args:
        name: of the data set, as in the config.
        output: manifest.csv to write.
        source: of the files.
        manifest: manifest.csv of your own images, or a folder with a folder for each class.
        classes: in order, the positive one last.
        group_pattern: regular expression that finds the patient in the paths of such a folder.
        credit: whose images they are; stands below pictures of them.
        limit_: draw at most this many images.
        seed: of the draw.
        workers: processes.
        settings: data_root, the folder of the data sets.
    """
    from paper_code.datasets.catalog import find_dataset
    from paper_code.datasets.prepare import make_manifest

    entry = {"path": manifest, "classes": classes or [], "credit": credit}
    entry["group_pattern"] = group_pattern
    make_manifest(
        find_dataset(name, {name: entry} if manifest else None),
        _settings(settings, ["data_root"]).data_root,
        source,
        output,
        seed=seed,
        limit=limit(limit_),
        workers=workers,
    )


@app.command(group="data")
def prepare(manifest: str, /, *, output: Output, workers: Positive = 1, **settings: str) -> None:
    """Resize a manifest's images into one array.

    Args:
        manifest: manifest.csv with source.json beside it.
        output: folder for images.npy and masks.npy.
        workers: processes.
        settings: image_size, the side of the prepared images in px.
    """
    from paper_code.datasets.prepare import prepare as prepare_images

    size = _settings(settings, ["image_size"]).image_size
    prepare_images(manifest, output, image_size=size, workers=workers)


@app.command(group="data")
def split(
    manifest: str,
    /,
    *,
    output: Output,
    by: Literal["image", "patient"] = "image",
    seed: Seed = 0,
) -> None:
    """Assign a manifest's images to train, val and test.

    Args:
        manifest: manifest.csv of the command 'manifest'.
        output: CSV to write.
        by: what stays together.
        seed: of the split.
    """
    from paper_code.datasets.splits import make_split

    make_split(manifest, output, by=by, seed=seed)


# --- networks -------------------------------------------------------------------------------------


@app.command(group="networks")
def train(
    network: str,
    /,
    *,
    prepared: str,
    split: str,
    output: Output,
    seed: Seed = 0,
    configfile: str | None = None,
    dataset: str = "",
    checkpoints: str | None = None,
    force: bool = False,
    threads: Positive | None = None,
    **settings: str,
) -> None:
    """Train one network on one data set; goes on from a checkpoint if one is there.

    Args:
        network: as in the config, such as dalaresnet50-layer2.
        prepared: folder of the prepared data set.
        split: CSV of the command 'split'.
        output: folder of the run.
        seed: of weights, order and augmentation.
        configfile: of settings; without it the defaults of the paper scale.
        dataset: whose settings of that file count.
        checkpoints: folder for the checkpoint; without it that of the run.
        force: replace a finished run.
        threads: of the CPU; without it all cores.
        settings: weights, freeze_backbone, dropout, epochs, batch_size, learning_rate, rotation,
            select_epoch, precision, compile, recalibrate_batchnorm, checkpoint_seconds.
    """
    chosen = _settings(settings, "run", configfile)
    own = chosen.of(dataset, network) if dataset else chosen
    # An option wins over what the file has for this data set or network.
    given = [name.replace("-", "_") for name in settings]
    own = own.changed(**{name: getattr(chosen, name) for name in given})

    from paper_code.training.run import train_run  # slow

    _use_threads(threads)
    train_run(
        network,
        prepared,
        split,
        output,
        own,
        seed,
        checkpoint_dir=checkpoints,
        force=force,
    )


@app.command(group="networks")
def evaluate(
    source: str,
    /,
    *,
    output: Output,
    prepared: str | None = None,
    manifest: str | None = None,
    split: str | None = None,
    group_pattern: str | None = None,
    part: Literal["train", "val", "test"] | None = None,
    resamples: Positive = 2000,
    own: OwnNetwork = None,
) -> None:
    """Metrics, with intervals, of a run or of weights on labelled images; also as CSV.

    Args:
        source: folder of a run, a weights.safetensors file, or weights of --network.
        output: CSV to write.
        prepared: folder of a prepared data set to predict now.
        manifest: or manifest.csv (path,label,group), or a folder of class folders, to predict now.
        group_pattern: regular expression that finds the patient in the paths of such a folder.
        split: CSV of the split of the prepared data set; without it all images.
        part: of the split; without it the test set.
        resamples: of the bootstrap.
    """
    from paper_code.inference.evaluate import evaluate as evaluate_source

    if prepared and manifest:
        raise UserError("Give --prepared or --manifest, not both.")
    images = {"prepared": prepared, "split": split, "manifest": manifest, "part": part}
    images["group_pattern"] = group_pattern
    table = evaluate_source(source, output, resamples=resamples, own=own, **images)
    print(table[["metric", "value", "low", "high"]].round(3).to_string(index=False))


@app.command(group="networks")
def predict(images: list[str], /, *, weights: str, output: Output, own: OwnNetwork = None) -> int:
    """Class probabilities of images of your own, as CSV.

    A file that cannot be used is named and skipped; the exit status is then 1 instead of 0.

    Args:
        images: files, folders with images, or a manifest.csv.
        weights: weights.safetensors of a run, or weights of --network.
        output: CSV to write.
    """
    from paper_code.inference.predict import predict_images

    return 1 if predict_images(weights, images, output, own) else 0


@app.command(group="networks")
def explain(
    images: list[str],
    /,
    *,
    weights: str,
    output: Output,
    method: list[str] | None = None,
    masks: str | None = None,
    target: Annotated[str | None, Parameter(name="--class")] = None,
    layer: str | None = None,
    extras: Annotated[Extras | None, Parameter(name="*")] = None,
    own: OwnNetwork = None,
) -> int:
    """Class activation maps over images of your own: overlays, a CSV, and a page for the browser.

    OUTPUT/index.html shows them all and needs no internet connection. A file that cannot be
    used is named and skipped; the exit status is then 1 instead of 0.

    Args:
        images: files, folders with images, or a manifest.csv.
        weights: weights.safetensors of a run, or weights of --network.
        output: folder for overlays and CSV.
        method: one or more of gradcam, scorecam, eigencam, dt_gradcam (the default),
            gradcam_plusplus and hirescam, or all.
        masks: lesion masks to outline and to score the maps against: a folder of files named like
            the images, or a manifest.csv with the columns path, label and mask.
        target: class to explain; without it the predicted one.
        layer: to read; without it the network's last map.
    """
    from paper_code.inference.explain import explain_images

    options = {"target": target, "masks": masks, "layer": layer, "own": own, "extras": extras}
    return 1 if explain_images(weights, images, output, method or ["dt_gradcam"], **options) else 0


@app.command(group="networks")
def export(weights: str, /, *, output: Output) -> None:
    """A trained network as one ONNX file, checked against the network.

    It takes RGB values from 0 to 255 and gives class probabilities; the file's metadata say how.
    Needs the extra: pip install '.[export]'.

    Args:
        weights: weights.safetensors of a run.
        output: .onnx to write.
    """
    from paper_code.inference.export import export_network

    export_network(weights, output)


@app.command(group="networks")
def card(
    run: str,
    /,
    *,
    output: Annotated[str | None, Parameter(name=["--output", "-o"])] = None,
) -> None:
    """A model card for the weights of a run, in the format of Hugging Face.

    Args:
        run: its folder, with its weights.
        output: Markdown to write; without it model_card.md in the run's folder.
    """
    from paper_code.inference.card import write_card

    write_card(run, output)


@app.command(group="networks")
def cam(
    *,
    run: str,
    prepared: str,
    output: Output,
    configfile: str | None = None,
    dataset: str = "",
    threads: Positive | None = None,
    **settings: str,
) -> None:
    """Score the maps of every CAM method on the test images of one run.

    Args:
        run: its folder, with its weights.
        prepared: folder of its prepared data set.
        output: folder to write.
        configfile: of settings; without it the defaults of the paper scale.
        dataset: whose settings of that file count.
        threads: of the CPU; without it all cores.
        settings: cam_images, scorecam_images, faithfulness_images, cam_tuning_images, cam_copies,
            cam_sigma, cam_kernel, cam_precision.
    """
    chosen = _settings(settings, "cam", configfile)

    from paper_code.cam.evaluation import evaluate_run  # slow

    _use_threads(threads)
    evaluate_run(run, prepared, output, chosen.of(dataset) if dataset else chosen)


@app.command(group="networks")
def crossover(
    training: Literal["frozen", "fine-tuned"],
    /,
    *,
    datasets: list[str],
    data_root: list[str] | None = None,
    repeats: Positive,
    output: Output,
    first: Number = 0,
    seeds: list[Seed] | None = None,
    threads: Positive = 1,
) -> None:
    """Test every patient once known and once unknown to EfficientNet-Lite0 (real images).

    Writes one row for each test patient, arm and repeat; the tables crossover and gate_crossover
    are made from these files. Goes on where it was interrupted.

    Args:
        training: of the network.
        datasets: two-class sets with patients; all together.
        data_root: folder of the data sets, or one for each.
        repeats: how many, in all.
        output: CSV to write; finished trainings are kept in a folder of its name.
        first: number of the first to run.
        seeds: of the draws of patients.
        threads: of the CPU.
    """
    from paper_code.crossover.runs import write_fine_tuned, write_frozen

    _use_threads(threads)
    roots = data_root or ["data"]
    if len(roots) == 1:
        roots = roots * len(datasets)
    if len(roots) != len(datasets):
        raise UserError("--data-root: give one folder, or one for each of --datasets.")
    if first >= repeats:
        raise UserError(f"--first {first} leaves none of {repeats} repeats to run.")
    options = {"repeats": range(first, repeats), "seeds": seeds or [0]}
    if training == "frozen":
        write_frozen(output, datasets, roots, **options)
    else:
        checkpoints = Path(output).with_suffix("")
        write_fine_tuned(output, datasets, roots, checkpoints=checkpoints, **options)


# --- results from files ---------------------------------------------------------------------------


@Parameter(name="*")
@dataclass
class Inputs:
    """What results are made from; each uses some of them.

    Attributes:
        prepared: folders of prepared data sets.
        splits: split CSVs, in the order of the prepared data sets.
        runs: folders of runs, or their run.json files.
        cams: folders of scored maps, or their cam.json files.
        tables: CSV files of tables.
        patients: CSV files of the command 'crossover'.
        lists: folder of the lists about BreakHis.
        dataset: a data set of yours, for a table about one.
        resamples: of the bootstrap intervals.
        scale: for the record.
    """

    prepared: list[str] | None = None
    splits: list[str] | None = None
    runs: list[str] | None = None
    cams: list[str] | None = None
    tables: list[str] | None = None
    patients: list[str] | None = None
    lists: str | None = None
    dataset: str | None = None
    resamples: Positive | None = None
    scale: Scale | None = None


@app.command(group="results")
def table(name: str, /, inputs: Inputs | None = None, *, output: Output) -> None:
    """Build one table from files; each table uses only some of the options.

    Args:
        name: such as 07 or audit; paper_code/reporting/catalogue/results.yaml lists all.
        output: .csv to write; the .md comes beside it.
    """
    from paper_code.reporting.catalogue import make_result

    make_result("table", name, output, asdict(inputs or Inputs()))


@app.command(group="results")
def figure(name: str, /, inputs: Inputs | None = None, *, output: Output) -> None:
    """Draw one figure from files; each figure uses only some of the options.

    Args:
        name: such as 07 or leakage; paper_code/reporting/catalogue/results.yaml lists all.
        output: .png to write; the .pdf comes beside it.
    """
    from paper_code.reporting.catalogue import make_result

    make_result("figure", name, output, asdict(inputs or Inputs()))


@app.command(group="results")
def summary(
    *, scale: Scale, output: Output, tables: list[str] | None = None, readme: str | None = None
) -> None:
    """Write one page that answers whether the paper holds, from tables made before.

    Args:
        scale: for the record.
        output: .md to write.
        tables: CSV files of tables.
        readme: README.md whose answer is written anew too.
    """
    from paper_code.reporting.catalogue import make_result
    from paper_code.reporting.claims.summary import write_answer

    make_result("page", "summary", output, {"tables": tables or [], "scale": scale})
    if readme:
        write_answer(readme, tables=tables or [])


@app.command(group="results")
def report(
    *,
    output: Output,
    tables: list[str] | None = None,
    figures: list[str] | None = None,
    summary: list[str] | None = None,
    phantoms: list[str] | None = None,
) -> None:
    """Put every table and figure into one HTML page.

    It opens with the answer where a summary is given, else with the results on your own data.

    Args:
        output: .html to write.
        tables: CSV files with the .md beside them.
        figures: PNG files.
        summary: .md of the command 'summary'.
        phantoms: data sets that are synthetic.
    """
    from paper_code.reporting.catalogue import in_order
    from paper_code.reporting.html import write_report

    tables, figures = tables or [], figures or []
    entries = in_order(Path(path).stem for path in [*tables, *figures])
    write_report(
        output,
        tables=tables,
        figures=figures,
        summary=summary[0] if summary else None,
        about={name: (entry.group, entry.caption) for name, entry in entries.items()},
        phantoms=phantoms or [],
    )


@app.command(group="results")
def steps(*, cams: list[str], output: Output) -> None:
    """Keep the steps of DT Grad-CAM on one image, for the notebook on maps.

    Args:
        cams: cam.json files.
        output: .npz to write.
    """
    from paper_code.reporting.notebooks.steps import write_steps

    write_steps(output, cams=cams)


@app.command(group="results")
def doctor(*, data_root: str | None = None, configfile: str | None = None) -> int:
    """What this machine can do: hardware, disk, data, weights, time of each scale.

    The exit status is 1 if something stands in the way of a run.

    Args:
        data_root: folder of the data sets; without it that of the config.
        configfile: your settings; without it config/config.yaml.
    """
    from paper_code.workflow.doctor import doctor as examine

    return 1 if examine(data_root, configfile) else 0
