"""Every table and figure of this repository: one entry each, and nothing else to register.

An entry names the module that makes the result, the files it is made from, the data sets and
networks it is about, and its caption. A run makes the results that are about its data sets: none
of those about the paper where all of them are a user's own. The plan of a run, the rules, the
command line, the report and `doctor` read this list. Modules of tables and figures do not, so that
editing one entry remakes one result. This module imports nothing heavy: the workflow reads it each
time it starts.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from paper_code.datasets.catalog import of_families
from paper_code.errors import UserError
from paper_code.reporting.layouts import LAYOUTS, Layout

# What an entry may need: each names files that exist before the result is made (see plan.py).
NEEDS = (
    "runs",
    "weights",
    "manifests",
    "images",
    "splits",
    "cams",
    "tables",
    "breakhis_lists",
    "patients",
)
# Which option of the command line passes them on; other needs lie beside these files.
OPTIONS = {
    "runs": "runs",
    "manifests": "prepared",
    "splits": "splits",
    "cams": "cams",
    "tables": "tables",
    "breakhis_lists": "lists",
    "patients": "patients",
}
# The groups of the report, in its order.
GROUPS = (
    "Summary",
    "Your data sets",
    "Data sets",
    "Architecture",
    "Layer placement",
    "Classification",
    "Diagnostics",
    "Cost and convergence",
    "Explanations",
    "Further evidence",
    "Patients of BreakHis",
    "Audit of the paper",
)


@dataclass(frozen=True)
class Result:
    """One table or figure.

    Attributes:
        name: of its files, without ending; "{dataset}" stands for each data set of the selection,
            which then has a result of its own.
        module: below `paper_code.reporting` (or `paper_code.audit`); tables have a function
            `write`, figures `draw`.
        group: of the report, one of `GROUPS`.
        caption: for the report, Markdown-free reStructuredText.
        needs: which files it is made from, of `NEEDS`.
        tables: names of the tables it is made from, if it needs "tables"; "*": every table.
        datasets: what it is about, a selection of `Plan.datasets`: "paper" for the paper and its
            data sets, "own" for a user's, "all" for both.
        networks: a selection of `Plan.networks`.
        settings: configured values that the module takes, of "scale", "resamples" and "dataset".
        constants: further keyword arguments of the module's function.
        code: other modules that decide the result, besides what `module` imports.
        kind: "table" (.csv and .md), "figure" (.png and .pdf) or "page" (.md).
    """

    name: str
    module: str
    group: str
    caption: str
    needs: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    datasets: str = "paper"
    networks: str = "compared"
    settings: tuple[str, ...] = ()
    constants: Mapping[str, object] = field(default_factory=dict)
    code: tuple[str, ...] = ()
    kind: str = "table"

    @property
    def key(self) -> str:
        """What the command line calls it: "07" for table_07_..., else its name."""
        words = self.name.split("_")
        if len(words) > 1 and words[1].isdigit():
            return words[1]
        return self.name.replace("{dataset}", "data")

    @property
    def endings(self) -> tuple[str, ...]:
        """Endings of its files."""
        return {"table": ("csv", "md"), "figure": ("png", "pdf"), "page": ("md",)}[self.kind]

    @property
    def pictures(self) -> bool:
        """Whether it shows images of the data sets."""
        return self.module in (
            "figures.samples",
            "figures.cam_comparison",
            "figures.examples",
        )

    @property
    def folder(self) -> str:
        """The folder of its files: "tables" or "figures"."""
        return "figures" if self.kind == "figure" else "tables"

    @property
    def dotted_module(self) -> str:
        """The module to import."""
        inside = self.module.startswith("audit.")
        return f"paper_code.{self.module}" if inside else f"paper_code.reporting.{self.module}"

    @property
    def allowed_datasets(self) -> tuple[str, ...] | None:
        """The data sets that the layout of this result is for; None: any that it is given."""
        return of_families(self.datasets) or None

    @property
    def options(self) -> tuple[str, ...]:
        """Names of the options that the command line must give: inputs, then settings."""
        return (*(OPTIONS[need] for need in self.needs if need in OPTIONS), *self.settings)


def _layout(layout: Layout) -> Result:
    """A table that shows a part of a long one."""
    own = layout.families == "own"
    return Result(
        layout.name,
        "tables.layout",
        layout.group,
        layout.caption,
        needs=("tables",),
        tables=(layout.source,),
        datasets="own" if own else "paper",
        settings=("dataset",) if own else (),
        constants={"layout": layout.name},
    )


def _printed(name: str, module: str, title: str, caption: str, **more: object) -> Result:
    """A table of the paper that shares its module with others."""
    groups = {"tables.counts": "Data sets", "tables.cost": "Cost and convergence"}
    return Result(
        name,
        module,
        groups[module],
        caption,
        settings=("scale",) if module == "tables.cost" else (),
        constants={"number": name.split("_")[1], "title": title},
        **more,
    )


def _maps(name: str, module: str, caption: str) -> Result:
    """A table of class activation maps."""
    return Result(
        name,
        f"tables.cam.{module}",
        "Explanations",
        caption,
        needs=("cams",),
        datasets="paper maps",
        networks="explained",
        settings=("scale", "resamples"),
    )


def _samples(name: str, caption: str, datasets: str, layout: str) -> Result:
    """A figure of sample images."""
    return Result(
        name,
        "figures.samples",
        "Data sets",
        caption,
        needs=("manifests",),
        datasets=datasets,
        settings=("scale",),
        constants={"layout": layout},
        kind="figure",
    )


def _lists(name: str, caption: str, *settings: str) -> Result:
    """A table made from the lists about BreakHis, without images or training."""
    return Result(
        name,
        f"tables.{name}",
        "Patients of BreakHis",
        caption,
        needs=("breakhis_lists",),
        settings=settings,
    )


def _drawn(name: str, group: str, caption: str, **more: str) -> Result:
    """A figure of the table that has its name."""
    module, made = f"figures.{name}", {"needs": ("tables",), "tables": (name,)}
    return Result(name, module, group, caption, **made, **more, kind="figure")


def _curves(name: str, caption: str) -> Result:
    """A figure of curves of every network on every data set."""
    return Result(
        name,
        "figures.curves",
        "Further evidence",
        caption,
        needs=("runs",),
        datasets="all",
        settings=("scale",),
        constants={"curve": name},
        kind="figure",
    )


RESULTS: tuple[Result, ...] = (
    # --- every measured result, and what shows a part of them -------------------------------------
    Result(
        "results",
        "tables.results",
        "Further evidence",
        "Every measured result: value, interval, printed value and verdict of each network on each "
        "data set and kind of split, by every metric.",
        needs=("runs",),
        datasets="all",
        networks="measured",
        settings=("scale", "resamples"),
    ),
    Result(
        "differences",
        "tables.differences",
        "Further evidence",
        "Every difference between results: DALAResNet50 against the other networks and places of "
        "the gate, and splits by image against splits by patient.",
        needs=("runs",),
        datasets="all",
        networks="paired",
        settings=("scale", "resamples"),
    ),
    *map(_layout, LAYOUTS.values()),
    Result(
        "leakage",
        "tables.leakage",
        "Further evidence",
        "The same networks on splits by image and by patient. With a split by image, images of one "
        "patient are on both sides.",
        needs=("tables",),
        tables=("results", "differences"),
        datasets="leakage",
    ),
    Result(
        "own_{dataset}",
        "tables.own_data",
        "Your data sets",
        "The images of this data set, and the test metrics of every network on them.",
        needs=("manifests", "splits", "tables"),
        tables=("results",),
        datasets="own",
    ),
    # --- the tables of the paper ------------------------------------------------------------------
    Result(
        "table_01_resnet50",
        "tables.stages",
        "Architecture",
        "**Table I.** The stages of ResNet50, read from the network itself, beside the printed "
        "ones. Needs neither data nor training.",
        code=("resnet50",),
    ),
    _printed(
        "table_03_breakhis",
        "tables.counts",
        "Table III. BreakHis: images of each class at each magnification",
        "**Table III.** Images of each class in BreakHis at each magnification.",
        needs=("manifests",),
    ),
    _printed(
        "table_04_bach",
        "tables.counts",
        "Table IV. BACH: images of each class",
        "**Table IV.** Images of each class in BACH.",
        needs=("manifests",),
    ),
    _printed(
        "table_05_mini_ddsm",
        "tables.counts",
        "Table V. Mini-DDSM: images of each class",
        "**Table V.** Images of each class drawn from Mini-DDSM.",
        needs=("manifests",),
    ),
    _printed(
        "table_06_splits",
        "tables.counts",
        "Table VI. Training, validation and test images",
        "**Table VI.** Training, validation and test images of each data set, and how many "
        "patients have images in more than one part.",
        needs=("manifests", "splits"),
    ),
    _printed(
        "table_09_breakhis_cost",
        "tables.cost",
        "Table IX. Cost of the networks on BreakHis",
        "**Table IX.** Parameters, multiply-adds and times of the networks on BreakHis.",
        needs=("runs",),
        code=("every network",),
    ),
    _printed(
        "table_10_bach_mini_ddsm_cost",
        "tables.cost",
        "Table X. Cost of the networks on BACH and Mini-DDSM",
        "**Table X.** Parameters, multiply-adds and times of the networks on BACH and Mini-DDSM.",
        needs=("runs",),
        code=("every network",),
    ),
    _maps(
        "table_14_cam_localization",
        "localization",
        "**Table XIV.** How well the maps of each CAM method find the lesion, on test images that "
        "show one, beside maps that know nothing.",
    ),
    # --- the figures of the paper -----------------------------------------------------------------
    Result(
        "figure_01_framework",
        "figures.framework",
        "Architecture",
        "**Figure 1.** The framework, from an image to its class and its map.",
        code=("dalaresnet50",),
        kind="figure",
    ),
    Result(
        "figure_02_dalaresnet50",
        "figures.dalaresnet50",
        "Architecture",
        "**Figure 2.** DALAResNet50 and its gate, drawn from the network's own shapes.",
        code=("dalaresnet50",),
        kind="figure",
    ),
    _samples(
        "figure_03_breakhis_samples",
        "**Figure 3.** A benign and a malignant sample at each magnification of BreakHis.",
        "breakhis",
        "datasets",
    ),
    _samples(
        "figure_04_bach_samples", "**Figure 4.** One BACH image of each class.", "bach", "classes"
    ),
    _samples(
        "figure_05_mini_ddsm_samples",
        "**Figure 5.** One Mini-DDSM image of each class.",
        "mini_ddsm",
        "classes",
    ),
    Result(
        "figure_06_confusion_matrices",
        "figures.confusion_matrices",
        "Classification",
        "**Figure 6.** Confusion matrices on the test part, with counts summed over the seeds. The "
        "colour is the share of the true class.",
        needs=("runs",),
        datasets="breakhis",
        networks="confused",
        settings=("scale",),
        kind="figure",
    ),
    Result(
        "figure_07_cam_comparison",
        "figures.cam_comparison",
        "Explanations",
        "**Figure 7.** Class activation maps of the four methods on the same images. White line: "
        "the outline of the lesion.",
        needs=("cams",),
        datasets="paper maps",
        networks="explained",
        settings=("scale",),
        kind="figure",
    ),
    # --- beyond the paper -------------------------------------------------------------------------
    Result(
        "crossover",
        "tables.crossover",
        "Further evidence",
        "Whether a split by image flatters: each patient once known and once unknown to a network "
        "with ImageNet weights, on the same images.",
        needs=("patients",),
        datasets="crossover",
    ),
    Result(
        "gate_crossover",
        "tables.gate_crossover",
        "Further evidence",
        "The paper's gate against no gate, another gate and another place, from ImageNet weights.",
        needs=("patients",),
        datasets="crossover gates",
    ),
    Result(
        "convergence",
        "tables.convergence",
        "Cost and convergence",
        "Loss, accuracy and seconds of every epoch of every run.",
        needs=("runs",),
        datasets="all",
        networks="every",
        settings=("scale",),
    ),
    _maps(
        "cam_comparisons",
        "paired",
        "Maps against each other on the same images: DT Grad-CAM against the other methods, what "
        "its noise and its cut bring, and every method against maps that know nothing.",
    ),
    Result(
        "table_13_cam_properties",
        "tables.cam.properties",
        "Explanations",
        "**Table XIII.** The properties that the paper puts in words, each with a measured "
        "quantity.",
        needs=("tables",),
        tables=("table_14_cam_localization", "cam_comparisons"),
        datasets="paper maps",
    ),
    # --- a user's own data sets -------------------------------------------------------------------
    Result(
        "examples_{dataset}",
        "figures.examples",
        "Your data sets",
        "Test images of this data set with the maps of DT Grad-CAM for the predicted class: first "
        "those that a network is most certain about and wrong (red), then the most certain right "
        "ones. Above each image: its true class, the prediction and its probability.",
        needs=("runs", "weights", "manifests", "images"),
        datasets="own",
        networks="confused",
        settings=("scale",),
        kind="figure",
    ),
    Result(
        "cam_{dataset}",
        "tables.cam.own_data",
        "Your data sets",
        "Class activation maps on this data set, against its lesion masks and beside maps that "
        "know nothing.",
        needs=("cams",),
        datasets="own maps",
        networks="explained",
        settings=("scale", "resamples"),
    ),
    Result(
        "maps_{dataset}",
        "figures.cam_comparison",
        "Your data sets",
        "Class activation maps of the methods on one image of this data set. White line: the "
        "outline of the lesion.",
        needs=("cams",),
        datasets="own maps",
        networks="explained",
        settings=("scale",),
        kind="figure",
    ),
    # --- curves, and what is drawn from tables ----------------------------------------------------
    _curves("reliability", "Reliability diagrams: confidence against accuracy on the test part."),
    _curves("roc", "ROC curves on the test part."),
    _curves("precision_recall", "Precision-recall curves on the test part."),
    _drawn(
        "leakage",
        "Further evidence",
        "Accuracy with a split by image beside accuracy with a split by patient.",
        datasets="leakage",
    ),
    _drawn(
        "crossover",
        "Further evidence",
        "Accuracy on the same images of the same patients, known and unknown to the network.",
        datasets="crossover",
    ),
    _drawn(
        "convergence",
        "Cost and convergence",
        "Validation accuracy of every network, epoch by epoch.",
        datasets="all",
    ),
    # --- BreakHis without pixels: its file names, its official folds, real predictions ------------
    _lists(
        "split_patients",
        "How many test images of BreakHis are of a patient that is also in training: 1,000 splits "
        "by image of Table VI's sizes, splits by patient, and the authors' five folds.",
    ),
    _lists(
        "real_predictions",
        "Real predictions of a good network on the official folds of BreakHis, with intervals over "
        "images and over patients, and the number of independent images that a test part is worth.",
        "resamples",
    ),
    _lists(
        "printed_intervals",
        "The 95 % intervals that the printed accuracies should have carried, and which printed "
        "leads stand.",
    ),
    _lists("detectable", "The least difference in accuracy that each test part can show."),
    Result(
        "others",
        "tables.others",
        "Patients of BreakHis",
        "What others measured with ResNet50-type networks on BreakHis, by kind of split, with "
        "sources.",
    ),
    Result(
        "networks_elsewhere",
        "tables.networks_elsewhere",
        "Patients of BreakHis",
        "What networks of the paper's names reach on BreakHis elsewhere, with ImageNet weights, "
        "beside the printed accuracies.",
        datasets="paper",
    ),
    _drawn(
        "networks_elsewhere",
        "Patients of BreakHis",
        "Printed accuracies on BreakHis beside what networks of the same names reach elsewhere.",
    ),
    _drawn(
        "split_patients",
        "Patients of BreakHis",
        "Share of test images whose patient is in training, for each way of splitting BreakHis.",
    ),
    _drawn(
        "printed_intervals",
        "Patients of BreakHis",
        "The printed accuracies of Table VII with the intervals they should have carried, for the "
        "same patients and for new ones.",
    ),
    # --- the answer -------------------------------------------------------------------------------
    Result(
        "audit",
        "audit.report",
        "Audit of the paper",
        "What the paper's printed numbers say about themselves, by arithmetic. Needs neither data "
        "nor training.",
        code=("every network",),
    ),
    Result(
        "implied_specificity",
        "tables.implied_specificity",
        "Audit of the paper",
        "Tables VII and XI exclude each other: the specificity of Table XI beside the one that "
        "accuracy and GMean of Table VII imply, and the confusion matrices that Figure 6 decides "
        "between.",
    ),
    _drawn(
        "implied_specificity",
        "Audit of the paper",
        "Specificity of the nine networks on BreakHis: as Table XI prints it, and as Table VII "
        "allows it.",
    ),
    Result(
        "evidence",
        "figures.evidence",
        "Summary",
        "Printed values, what the paper's other numbers allow, what the same networks reach "
        "elsewhere, and what new patients change.",
        needs=("tables",),
        tables=("implied_specificity", "networks_elsewhere", "crossover"),
        datasets="crossover",
        kind="figure",
    ),
    Result(
        "claims",
        "claims.table",
        "Summary",
        "Each claim of the paper's abstract, results and conclusions: how it is tested, the "
        "result and the verdict.",
        needs=("tables",),
        tables=(
            "comparisons",
            "table_09_breakhis_cost",
            "table_10_bach_mini_ddsm_cost",
            "cam_comparisons",
            "audit",
        ),
        settings=("scale",),
    ),
    Result(
        "summary",
        "claims.summary",
        "Summary",
        "One page: what was reproduced, what agrees, what does not, and what could not be tested.",
        needs=("tables",),
        tables=("*",),
        settings=("scale",),
        kind="page",
    ),
)


def find_result(kind: str, key: str) -> Result:
    """The entry that the command line calls `key` ("07", "table_07_..." or "comparisons").

    Args:
        kind: "table", "figure" or "page".
        key: a number of the paper, a name, or for instance "own_NAME" for a data set of yours.

    Raises:
        UserError: there is no such result; the message names the nearest.
    """
    entries = {result.key: result for result in RESULTS if result.kind == kind}
    for result in entries.values():
        if key in (result.key, result.name):
            return result
        start, template, _ = result.name.partition("{dataset}")
        if template and key.startswith(start):
            return result
    known = [*entries, *(result.name for result in entries.values())]
    near = difflib.get_close_matches(key, known, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise UserError(f"There is no {kind} '{key}'.{hint} Known: {', '.join(entries)}.")


def in_order(names: Iterable[str]) -> dict[str, Result]:
    """The entries of results by the names of their files, in the order of the report.

    Raises:
        UserError: no result has such a name.
    """
    found = {}
    for name in names:
        matches = (r for r in RESULTS if re.fullmatch(r.name.replace("{dataset}", r"\w+"), name))
        found[name] = next(matches, None)
        if found[name] is None:
            raise UserError(f"{name}: no table or figure has this name.")

    def place(item: tuple[str, Result]) -> tuple[int, int]:
        return GROUPS.index(item[1].group), RESULTS.index(item[1])

    return dict(sorted(found.items(), key=place))
