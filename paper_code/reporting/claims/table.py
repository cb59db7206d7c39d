"""The claims of abstract and conclusions: how each was tested, the result, the verdict.

Two kinds of evidence are kept apart. "printed": arithmetic on the paper's own numbers. "measured":
what the runs of this repository show, read from the tables' CSV files alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from paper_code.errors import UserError
from paper_code.provenance import commit
from paper_code.reporting.claims.measured import (
    BASELINES,
    CAM_COMPARISONS,
    COSTS,
    Tables,
    measured,
    measured_cam,
    measured_gate,
    measured_imbalance,
    measured_order,
    measured_real,
    measured_times,
)
from paper_code.reporting.claims.outcome import AHEAD, BEHIND, TIED, Outcome
from paper_code.reporting.claims.printed import (
    TIMES,
    printed_gate,
    printed_imbalance,
    printed_order,
)
from paper_code.reporting.labels import METHOD_LABELS, METRIC_LABELS
from paper_code.reporting.layouts import REFERENCE
from paper_code.reporting.markdown import markdown, number, read_results, write_table
from paper_code.reporting.tables.cam.paired import PAPER_METHODS
from paper_code.reporting.verdicts import (
    CONTRADICTED,
    FEWEST_PATIENTS,
    FEWEST_RUNS,
    LEVEL,
    NOT_SHOWN,
    NOT_TESTED,
    SUPPORTED,
    evidence_text,
    not_tested,
)

BREAKHIS = tuple(f"breakhis_{m}x" for m in (40, 100, 200, 400))
DATASETS = (*BREAKHIS, "bach", "mini_ddsm")
PLACEMENTS = tuple(f"{REFERENCE}-layer{layer}" for layer in (1, 2, 3))
LESIONS = ("mini_ddsm",)
# Grad-CAM with the threshold of DT Grad-CAM.
CUT = {"gradcam_otsu": METHOD_LABELS["gradcam_otsu"]}
CAM_LABELS = {name: METHOD_LABELS[name] for name in PAPER_METHODS}
# Metrics as the paper prints them, and ours beside them.
F1 = {"f1_first": "f1_macro", "f1_second": "f1_weighted"}
# The tables that claims are read from, by the names of their files.
READ = ("comparisons", *COSTS, CAM_COMPARISONS, "audit")

INTRODUCTION = f"""Each claim that can be tested, on two kinds of evidence that are kept apart.

**Printed**: the order of the paper's own numbers, taken at their word. It shows what the paper
claims, not that it is so: **{AHEAD}** in every column, **{BEHIND}** in at least one, or
**{TIED}**. Printed numbers have no intervals, so beside the order stand how far chance alone
reaches (a lead of k images has an exact McNemar p of 2^(1-k) at the least) and which of the same
columns [the audit](audit.md) finds impossible.

**Measured**: the runs of this repository. The verdict on a claim of the kind "best everywhere",
from the family of its comparisons:

- **{SUPPORTED}**: every comparison of the claim was made, counts, and shows the claimed direction
  (p < {LEVEL} each; no correction is needed where all must hold).
- **{CONTRADICTED}**: a comparison that counts shows the opposite direction (Holm-corrected
  p < {LEVEL}).
- **{NOT_SHOWN}**: neither; or fewer than {FEWEST_RUNS} independent runs of each network, or fewer
  than {FEWEST_PATIENTS} patients in some run's test set.
- **{NOT_TESTED}**: no comparison counts as evidence about the paper, for the reasons given
  (phantom, subset, smaller scale, random weights, another protocol). What was measured is shown,
  "not counted". Or the runs were not made, or the claim names nothing that can be measured.

What a verdict is about:

- **The paper's experiment**, with its split by image. Results by patient answer another question
  and change no verdict here; they stand in [comparisons](comparisons.md) and
  [leakage](leakage.md).
- **Networks trained on these images.** The spread between runs holds other splits and seeds, not
  other training patients: an advantage that a network owes to these patients counts as one.
- **Order.** Two scores can both agree with the paper within a margin and stand in the other order.
  So the best two in print are also compared with each other alone.

**Lead found**: with a true lead of this size in every comparison, runs like these would show the
claim four times in five (at most this size: less is enough where comparisons go together). It says
how large a difference "{NOT_SHOWN}" can hide.

How often these verdicts are wrong, simulated with seeds and patients that vary:
benchmarks/results/verdicts.md."""


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper that can be put to a test.

    Attributes:
        id: short and unique.
        quote: the paper's words.
        place: where they stand.
        meaning: what is tested.
        tests: functions of the tables read, each giving outcomes.
    """

    id: str
    quote: str
    place: str
    meaning: str
    tests: tuple[Callable[[Tables], list[Outcome]], ...]


def _printed(function: Callable, *args, **kwargs) -> Callable[[Tables], list[Outcome]]:
    return lambda _tables: function(*args, **kwargs)


def _ordered(*args, **kwargs) -> Callable[[Tables], list[Outcome]]:
    return lambda tables: printed_order(tables.get("audit"), *args, **kwargs)


def _measured(function: Callable, *args, **kwargs) -> Callable[[Tables], list[Outcome]]:
    return lambda tables: function(tables, *args, **kwargs)


def _untestable(part: str, why: str) -> Callable[[Tables], list[Outcome]]:
    verdict, reason = not_tested(why)
    return lambda _tables: [Outcome("measured", part, "none", "", verdict.value, "", reason=reason)]


def _performance(tables: tuple[str, ...], metrics: dict[str, str]) -> tuple[Callable, ...]:
    """DALAResNet50 against all baselines on all sets; `metrics`: printed name to ours."""
    return tuple(
        test
        for theirs, ours in metrics.items()
        for test in (
            _ordered(tables, "network", REFERENCE, (theirs,), METRIC_LABELS[ours]),
            _measured(measured, "baselines", ours, BASELINES, DATASETS),
            _measured(measured_order, tables, theirs, ours),
        )
    )


def _placement(theirs: str, ours: str) -> tuple[Callable, ...]:
    return (
        _ordered(
            ("02",),
            "placement",
            "layer4",
            (theirs,),
            METRIC_LABELS[ours],
            name=lambda name: name.replace("layer", "layer "),
        ),
        _measured(measured, "placements", ours, PLACEMENTS, BREAKHIS),
    )


def _same(*names: str) -> dict[str, str]:
    return dict(zip(names, names, strict=True))


BEST = "DALAResNet50 outperforms state-of-the-art models in accuracy, F1 score, IBA, and GMean"
CLAIMS = (
    Claim(
        "placement",
        "embedding an attention module in the fourth layer of ResNet50 ... the fourth residual "
        "block integration achieved superior results",
        "abstract; section III-B",
        "the gate after layer 4 is better than after layers 1, 2 and 3 at every magnification",
        tuple(
            test
            for theirs, ours in {"accuracy": "accuracy", **F1, "auc_roc": "auc_roc"}.items()
            for test in _placement(theirs, ours)
        ),
    ),
    Claim(
        "best accuracy",
        BEST,
        "abstract",
        "more accurate than each of the eight baselines on each of the six sets",
        (*_performance(("07", "08"), _same("accuracy")), _measured(measured_real)),
    ),
    Claim(
        "best F1",
        BEST,
        "abstract",
        "a higher F1 than each baseline on each set (the paper prints a pair)",
        _performance(("07", "08"), F1),
    ),
    Claim(
        "best IBA",
        BEST,
        "abstract",
        "a higher index balanced accuracy than each baseline on each set",
        _performance(("07", "08"), _same("iba")),
    ),
    Claim(
        "best GMean",
        BEST,
        "abstract",
        "a higher GMean than each baseline on each set",
        _performance(("07", "08"), _same("gmean")),
    ),
    Claim(
        "imbalanced sets",
        "particularly excelling in classification tasks involving imbalanced datasets",
        "abstract",
        "the lead is larger on the imbalanced sets (BreakHis, Mini-DDSM) than on balanced BACH",
        (
            lambda tables: printed_imbalance(tables.get("audit")),
            _measured(measured_imbalance),
        ),
    ),
    Claim(
        "fewer errors",
        "effectively reduces false positives and false negatives ... through its higher "
        "sensitivity and specificity",
        "section IV-E",
        "higher sensitivity and specificity than each baseline on each set",
        _performance(("11", "12"), _same("sensitivity", "specificity")),
    ),
    Claim(
        "shortest convergence",
        "faster convergence; DALAResNet50 achieved the shortest convergence time",
        "conclusions; section IV-E",
        "a shorter time than each baseline (the paper does not say which time)",
        (
            _ordered(
                subject="network",
                ours=REFERENCE,
                part="printed seconds",
                **TIMES,
                smaller=True,
                digits=2,
            ),
            _measured(measured_times),
        ),
    ),
    Claim(
        "lightweight",
        "integrates a pre-trained ResNet50 architecture with a lightweight attention mechanism",
        "abstract",
        "the gate adds fewer parameters than squeeze-and-excitation, which section I calls "
        "heavier: than one such block in the same place, and than those of SEResNet50 in every "
        "residual block; and less time",
        (_printed(printed_gate), _measured(measured_gate)),
    ),
    Claim(
        "robust, no overfitting",
        "demonstrating robustness, better generalization ... and effective prevention of "
        "overfitting",
        "conclusions",
        "no measure is named",
        (
            _untestable(
                "all",
                "the paper gives neither a measure of these nor any training accuracy; what a "
                "split by patient does to both networks is in tables/leakage.md",
            ),
        ),
    ),
    Claim(
        "localisation",
        "DT Grad-CAM consistently achieves higher scores across these metrics at various "
        "magnifications",
        "section V-B",
        "DT Grad-CAM finds lesions better than each other method, on Mini-DDSM: of the paper's "
        "sets it alone has lesion masks, and the paper does not say what its maps of BreakHis "
        "were compared with",
        (
            *(
                _ordered(
                    ("14",),
                    "method",
                    "dt_gradcam",
                    (metric,),
                    label,
                    name=lambda name: CAM_LABELS[name],
                    digits=4,
                )
                for metric, label in {"iou": "IoU", "dice": "Dice", "recall": "Recall"}.items()
            ),
            *(
                _measured(measured_cam, metric, label, CAM_LABELS, LESIONS, rule)
                for metric, label, rule in (
                    ("iou", "IoU, the same area marked by all", "area"),
                    ("auprc", "AUPRC (no threshold)", "none"),
                    ("pointing_game", "Pointing game (no threshold)", "none"),
                    ("iou", "IoU, each method's own rule", "own"),
                    ("iou", "IoU, parameters tuned on validation images for all", "tuned"),
                )
            ),
        ),
    ),
    Claim(
        "clearer and more focused",
        "provides clearer and more focused visualizations",
        "abstract; conclusions",
        "DT Grad-CAM concentrates its heat more, and more of it inside the lesion, than Grad-CAM "
        "with the same cut: any map that is cut has a lower entropy",
        (
            _untestable("Table XIII", "it compares the methods in words, without numbers"),
            _measured(
                measured_cam,
                "spread",
                "Entropy of the map",
                CUT,
                LESIONS,
                "none",
                family="steps",
                smaller=True,
            ),
            _measured(
                measured_cam,
                "energy_inside",
                "Part of the map inside the lesion",
                CUT,
                LESIONS,
                "none",
                family="steps",
            ),
        ),
    ),
    Claim(
        "better than chance",
        "DT Grad-CAM provides more precise and interpretable heatmaps",
        "section II-B",
        "DT Grad-CAM finds lesions better than a random map and a map of the centre",
        (
            _measured(
                measured_cam,
                "iou",
                "IoU, the same area marked by all",
                {"random_map": "a random map", "centre_prior": "the centre"},
                LESIONS,
                "area",
                family="chance",
            ),
        ),
    ),
    Claim(
        "assists experts",
        "enhancing interpretability and assisting medical experts in identifying key features",
        "abstract",
        "no measure is named",
        (_untestable("all", "needs readers: the paper reports no study with experts"),),
    ),
)


def write(output: str, *, tables: list[str], scale: str) -> None:
    """Write `output` (.csv) and its .md.

    Args:
        output: the CSV.
        tables: CSV files, recognised by their names (`READ`); others are ignored, and the claims
            of a missing one are "not tested".
        scale: of the runs, for the record.

    Raises:
        UserError: a table lacks a column.
    """
    read = {Path(path).stem: read_results(path) for path in tables if Path(path).stem in READ}
    rows = claim_rows(read).assign(scale=scale)
    write_table(output, rows, "The paper's claims", [*_page(rows), _provenance(read, scale)])


def claim_rows(tables: Tables) -> pd.DataFrame:
    """One row per claim and test.

    Raises:
        UserError: a table lacks a column.
    """
    rows = []
    for claim in CLAIMS:
        try:
            outcomes = [outcome for test in claim.tests for outcome in test(tables)]
        except KeyError as error:
            raise UserError(
                f"Claim '{claim.id}': a table has no column {error}. Make the tables again."
            ) from error
        facts = {
            "claim": claim.id,
            "quote": claim.quote,
            "place": claim.place,
            "meaning": claim.meaning,
        }
        rows += [facts | vars(outcome) for outcome in outcomes]
    rounded = dict.fromkeys(("difference", "low", "high", "least_lead"), 6) | {"p_holm": 8}
    return pd.DataFrame(rows).round(rounded)


def _page(rows: pd.DataFrame) -> list[str]:
    overview = []
    for claim, subset in rows.groupby("claim", sort=False):
        line = {"Claim": f"[{claim}](#{_anchor(claim)})"}
        for evidence in ("printed", "measured"):
            line[evidence.capitalize()] = verdicts_on(subset, evidence)
        overview.append(line)
    blocks = [INTRODUCTION, f"## Overview\n\n{markdown(pd.DataFrame(overview))}"]
    for claim, subset in rows.groupby("claim", sort=False):
        first = subset.iloc[0]
        lines = [
            {
                "Evidence": row["evidence"],
                "Of": row["part"],
                "How": row["how"],
                "Result": row["result"] or "–",
                "Verdict": f"**{row['verdict']}**"
                + (f": {row['reason']}" if row["reason"] else ""),
                "Lead found": number(row["least_lead"]),
                "Chance": row["chance"] or "–",
                "Audit of these columns": row["audit"] or "–",
                "From": row["source"] or "–",
            }
            for _, row in subset.iterrows()
        ]
        blocks.append(
            f"## {claim[0].upper()}{claim[1:]}\n\n> {first['quote']} ({first['place']})\n\n"
            f"Tested: {first['meaning']}.\n\n{markdown(pd.DataFrame(lines))}"
        )
    return blocks


def _anchor(claim: str) -> str:
    return "".join(c for c in claim.lower().replace(" ", "-") if c.isalnum() or c == "-")


def verdicts_on(rows: pd.DataFrame, evidence: str) -> str:
    """The verdicts on one claim by one kind of evidence, as in "supported (3 of 4), ..."."""
    counts = rows.loc[rows["evidence"] == evidence, "verdict"].value_counts(sort=False)
    if len(counts) == 1:
        return str(counts.index[0])
    return ", ".join(f"{verdict} ({n} of {counts.sum()})" for verdict, n in counts.items()) or "–"


def _provenance(read: Tables, scale: str) -> str:
    lines = [f"- Scale: {scale}", f"- Read: {', '.join(sorted(read)) or 'no table'}"]
    if "comparisons" in read:
        runs = read["comparisons"].drop_duplicates("dataset")
        lines += [
            f"- {row['dataset']}: {row['data']}; {row['weights']} weights; seeds {row['seeds']}; "
            f"counted: {evidence_text(row['obstacles'])}"
            for _, row in runs.iterrows()
        ]
    return "\n".join(["## Provenance", "", *lines, f"- Commit: {commit()}"])
