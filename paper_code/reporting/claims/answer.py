"""Does the paper hold? About ten lines, each a sentence made from one table, with its status.

The status is a verdict of `reporting.verdicts` on the statement that the line makes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from scipy.stats import t

from paper_code.audit.finding import IMPOSSIBLE
from paper_code.metrics import holm
from paper_code.progress import count_text
from paper_code.reporting.claims.printed import (
    IMBALANCED,
    TIMES,
    column_leads,
    imbalance_leads,
    larger_when_imbalanced,
)
from paper_code.reporting.labels import DATASET_LABELS, network_label
from paper_code.reporting.layouts import REFERENCE
from paper_code.reporting.markdown import number
from paper_code.reporting.tables.printed_intervals import CHANCE, DEPENDS, STANDS
from paper_code.reporting.verdicts import (
    AGREES,
    BY_ARITHMETIC,
    CONTRADICTED,
    LEVEL,
    MARGIN,
    NOT_SHOWN,
    NOT_TESTED,
    SUPPORTED,
    Ruling,
    alike,
    arithmetic,
    by_measure,
    compared,
    join_obstacles,
    leads_stand,
    not_shown,
    replicates,
    shortfall,
    somewhere,
    split_obstacles,
    verdict_counts,
)

STATUSES = (CONTRADICTED, NOT_SHOWN, SUPPORTED, AGREES, NOT_TESTED)  # in the order of the answer
Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Line:
    """One line of the answer: its ruling, the sentence, the table it is made from, and the claim of
    the paper that it is about, if that is one of `claims.table`."""

    ruling: Ruling
    text: str
    source: str
    claim: str = ""

    @property
    def status(self) -> str:
        return self.ruling.verdict

    @property
    def label(self) -> str:
        """The status for reading."""
        exact = self.ruling.reason == BY_ARITHMETIC
        return f"{self.status} {BY_ARITHMETIC}" if exact else str(self.status)


def answer(tables: Tables) -> list[Line]:
    """The lines that the tables at hand allow, the strongest status first."""
    lines = [line for make, needs in MAKERS if needs in tables for line in make(tables)]
    return sorted(lines, key=lambda line: STATUSES.index(line.status))


def answer_markdown(lines: list[Line], folder: str = "") -> str:
    """The lines as a Markdown list; `folder` is where the tables lie, as seen from the page."""
    return "\n".join(
        f"{place}. **{line.label[0].upper()}{line.label[1:]}**: {line.text} "
        f"([{line.source}]({folder}{line.source}.md))"
        for place, line in enumerate(lines, 1)
    )


def brief_markdown(tables: Tables, folder: str = "") -> str:
    """The answer in three points: the arithmetic, new patients, and what has not been run."""
    points = [(make(tables), page) for make, needs, page in BRIEF if needs in tables]
    return "\n".join(f"- {text} ([{page}]({folder}{page}.md))" for text, page in points if text)


# --- the paper's own numbers ----------------------------------------------------------------------


def _audit(tables: Tables) -> list[Line]:
    """How many checks and themes hold numbers that cannot all be right."""
    impossible = tables["audit"]["verdict"] == IMPOSSIBLE
    return [Line(arithmetic(not impossible.any()), _impossible_words(tables["audit"]), "audit")]


def _impossible_words(findings: pd.DataFrame) -> str:
    """How much cannot all be right, by theme first: findings of one theme may have one cause."""
    impossible = findings[findings["verdict"] == IMPOSSIBLE]
    return (
        f"on {impossible['theme'].nunique()} of {findings['theme'].nunique()} questions "
        f"({len(impossible)} of {len(findings)} checks) the paper prints numbers or sentences that "
        "cannot all be right under the definitions that it gives or implies"
    )


def _tests_of(claims: pd.DataFrame, claim: str, evidence: str) -> pd.DataFrame:
    """The rows of one claim with one kind of evidence."""
    return claims[(claims["claim"] == claim) & (claims["evidence"] == evidence)]


def _imbalance(tables: Tables) -> list[Line]:
    """Whether the printed leads are larger on the imbalanced sets."""
    if _tests_of(tables["claims"], "imbalanced sets", "printed").empty:
        return []
    larger = larger_when_imbalanced(imbalance_leads())
    everywhere = (larger == len(IMBALANCED)).to_numpy().ravel()
    return [
        Line(
            by_measure(everywhere.tolist()),
            'that DALAResNet50 is "particularly excelling" on imbalanced sets: the paper names no '
            "measure. Depending on the metric and the rival, its printed lead is larger than on "
            f"balanced BACH on {_range(larger['lead'], 0)} of {len(IMBALANCED)} sets in points, "
            f"and on {_range(larger['share'], 0)} by the share of errors removed",
            "claims",
            "imbalanced sets",
        )
    ]


def _times(tables: Tables) -> list[Line]:
    """Whether the printed times are the shortest."""
    if _tests_of(tables["claims"], "shortest convergence", "printed").empty:
        return []
    leads = column_leads(subject="network", ours=REFERENCE, smaller=True, **TIMES)
    least = leads.loc[leads["lead"].idxmin()]
    return [
        Line(
            arithmetic(bool((leads["lead"] > 0).all())),
            f'"the shortest convergence time": DALAResNet50 is ahead in {(leads["lead"] > 0).sum()}'
            f" of {len(leads)} columns of printed times, one of them the mean of four others, but "
            f"{network_label(least['other'])} is faster by {-least['lead']:.2f} s on "
            f"{DATASET_LABELS.get(least['dataset'], 'BreakHis')}",
            "claims",
            "shortest convergence",
        )
    ]


def _leads(tables: Tables) -> list[Line]:
    """Which printed leads of DALAResNet50 could be chance."""
    rows = tables["printed_intervals"]
    best = rows[rows["table"].isin(["07", "08"]) & (rows["network"] == REFERENCE)]
    layers = rows[(rows["table"] == "02") & (rows["network"] != REFERENCE)]
    return [
        Line(
            _standing(best),
            "that DALAResNet50 is the best of nine networks: of its printed leads in accuracy "
            f"over the best baseline on {len(best)} data sets, {_counted(best)}",
            "printed_intervals",
            "best accuracy",
        ),
        Line(
            _standing(layers),
            "that the gate belongs after layer 4 (Table II): of its "
            f"{len(layers)} printed leads over other layers, {_counted(layers)}. The place was "
            "chosen on these results",
            "printed_intervals",
            "placement",
        ),
    ]


def _standing(leads: pd.DataFrame) -> Ruling:
    return leads_stand(int((leads["verdict"] == STANDS).sum()), len(leads))


def _counted(leads: pd.DataFrame) -> str:
    """How many leads have each verdict: "2 could be chance whichever errors are shared, ..."."""
    counts = leads["verdict"].value_counts()
    chance, depend = (int(counts.get(name, 0)) for name in (CHANCE, DEPENDS))
    words = (
        f"{chance} could be chance whichever errors are shared, {depend} "
        f"{'depends' if depend == 1 else 'depend'} on which are, and "
    )
    stand = leads[leads["verdict"] == STANDS]
    if stand.empty:
        return words + "none is significant whichever are"
    sets = ", ".join(DATASET_LABELS[name] for name in dict.fromkeys(stand["dataset"]))
    least, most = (f"{value:.2g}" for value in (stand["p_largest"].min(), stand["p_largest"].max()))
    return (
        f"{words}{len(stand)} {'is' if len(stand) == 1 else 'are'} significant whichever are "
        f"({sets}; p {least if least == most else f'{least} to {most}'} at most), if the test "
        "images are independent, which images of one patient are not"
    )


def _detectable(tables: Tables) -> list[Line]:
    """The least lead that anybody could see on test parts of these sizes."""
    rows = tables["detectable"]
    images = rows[(rows["unit"] == "images") & rows["dataset"].str.startswith("breakhis_")]
    least = images.loc[images["printed_lead"].idxmin()]
    fewest = int((images["least_best_case"] * images["n"]).round().min())
    return [
        Line(
            arithmetic(True),
            f"by the exact McNemar test, a lead of fewer than {fewest} test images "
            f"({_range(images['least_best_case'], 4)} in accuracy on BreakHis) cannot reach "
            f"p < {LEVEL}; if half of the errors are shared, a true difference must be "
            f"{_range(images['least_typical'])} to be found four times in five. The smallest "
            f"printed lead over the best baseline is {number(least['printed_lead'])} "
            f"({DATASET_LABELS[least['dataset']]})",
            "detectable",
        )
    ]


def _range(values: pd.Series, digits: int = 3) -> str:
    return f"{number(values.min(), digits)} to {number(values.max(), digits)}"


# --- patients -------------------------------------------------------------------------------------


def _patients(tables: Tables) -> list[Line]:
    """What splits by image do to the patients of all 7,909 images."""
    rows = tables["split_patients"]
    known = rows[(rows["way"] == "image") & (rows["metric"] == "test_images_known_patient")]
    return [
        Line(
            arithmetic(True),
            "if the paper split by image, as its exact 6:1:3 counts suggest, "
            f"{100 * known['mean'].min():.1f} to {100 * known['mean'].max():.1f} % of the test "
            "images of BreakHis come from patients who are also in training (means of "
            f"{known['splits'].max():,.0f} splits at each magnification; "
            f"{100 * known['least'].min():.1f} % in the worst), and no printed score on "
            "BreakHis speaks about new patients",
            "split_patients",
        )
    ]


def _effective(tables: Tables) -> list[Line]:
    """What a test part tells about new patients, by the predictions of a published network."""
    rows = tables["detectable"]
    rows = rows[(rows["unit"] == "patients") & rows["dataset"].str.startswith("breakhis_")]
    return [
        Line(
            not_shown("errors cluster in patients"),
            "how well any of the networks does on new patients. Even if all "
            f"{_range(rows['n'], 0)} test images of a magnification were of new patients, they "
            f"would tell as much as {_range(rows['effective_n'], 0)} independent images, if errors "
            "cluster as those of a published network do",
            "real_predictions",
        )
    ]


# --- real images ----------------------------------------------------------------------------------


def _real(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows measured on real images."""
    phantom = rows["obstacles"].map(lambda text: "phantom" in split_obstacles(text))
    return rows[~phantom & rows["data"].str.startswith("real")]


def _gate(tables: Tables) -> list[Line]:
    """The paired difference that speaks to the paper's idea, on real images."""
    rows = _real(tables["comparisons"])
    rows = rows[(rows["network"] == "resnet50") & (rows["metric"] == "accuracy")]
    rows = rows[rows["verdict"] != NOT_TESTED]
    if rows.empty:
        return []
    texts = [
        f"{_dataset(row['dataset'])} by {row['splits']} {row['difference']:+.3f} "
        f"[{number(row['low'])}, {number(row['high'])}]" + _too_few(row["shortfall"])
        for _, row in rows.iterrows()
    ]
    ruling = alike(rows)
    statement = "that the gate helps"
    if ruling.verdict == AGREES:
        statement = f"accuracy with the gate and without it, within {MARGIN:g}"
    return [
        Line(
            ruling,
            f"{statement}: accuracy of DALAResNet50 minus ResNet50 on part of the real images "
            f"({', '.join(dict.fromkeys(rows['weights']))} weights, "
            f"{', '.join(dict.fromkeys(rows['scale']))} scale, "
            f"{count_text(int(rows['runs'].min()), 'run')} each): {'; '.join(texts)}",
            "comparisons",
            "best accuracy",
        )
    ]


def _dataset(name: str) -> str:
    return DATASET_LABELS.get(name, name)


def _too_few(shortfall: str) -> str:
    return f" ({shortfall})" if shortfall else ""


def _accuracy_by_split(tables: Tables) -> pd.DataFrame:
    """Accuracy on real images, split by image and by patient."""
    rows = _real(tables["leakage"].dropna(subset=["network", "data"]))
    return rows[rows["metric"] == "accuracy"]


def _known_and_unknown(tables: Tables) -> pd.DataFrame:
    """Accuracy of the crossover's plain network, one row for each data set, ruled on."""
    rows = tables["crossover"]
    chosen = (rows["metric"] == "accuracy") & (rows["network"] == "efficientnet_lite0")
    chosen &= (rows["training"] == "frozen") & (rows["seed"] == rows["seed"].min())
    chosen &= ~rows["dataset"].str.contains("+", regex=False)  # the same patients once more
    rows = rows[chosen].assign(obstacles="", df=rows["patients"] - 1)
    rows["se"] = (rows["high"] - rows["low"]) / 2 / t.ppf(1 - LEVEL / 2, rows["df"])
    rows["shortfall"] = [
        shortfall(((number, number) for number in range(row.repeats)), [row.patients])
        for row in rows.itertuples()
    ]
    return compared(rows.assign(p_holm=holm(rows["p_value"])))


def _known_words(rows: pd.DataFrame) -> str:
    """What the crossover found, data set by data set."""
    return "; ".join(
        f"{_dataset(row.dataset)} {number(row.known)} against {number(row.unknown)} "
        f"({row.difference:+.3f} [{number(row.low)}, {number(row.high)}], {row.patients} patients)"
        for row in rows.itertuples()
    )


def _crossover(tables: Tables) -> list[Line]:
    """What knowing the patient adds to accuracy, on the same images of the same patients."""
    rows = _known_and_unknown(tables)
    return [
        Line(
            somewhere(rows),
            "that a split by image flatters: on the same test images, accuracy with other images "
            "of the patient in training against accuracy without (EfficientNet-Lite0, ImageNet "
            f"weights, part of the real images): {_known_words(rows)}",
            "crossover",
            "robust, no overfitting",
        )
    ]


def _leakage(tables: Tables) -> list[Line]:
    """What a split by image adds to accuracy on real images; the crossover answers it better."""
    rows = _accuracy_by_split(tables)
    if rows.empty or "crossover" in tables:
        return []
    rows = compared(rows.assign(p_holm=holm(rows["p_value"])))
    texts = [
        f"{_dataset(row['dataset'])}, {network_label(row['network'])} "
        f"{row['difference']:+.3f} [{number(row['low'])}, {number(row['high'])}]"
        for _, row in rows.iterrows()
    ]
    ruling = somewhere(rows)
    shown = int((rows["verdict"] == SUPPORTED).sum())
    some = f"that a split by image flatters {shown} of these {len(rows)} cases"
    weights = ", ".join(dict.fromkeys(rows["weights"]))
    lacking = join_obstacles(*map(split_obstacles, rows["shortfall"]))
    return [
        Line(
            ruling,
            f"{some if 0 < shown < len(rows) else 'that a split by image flatters these networks'}"
            f": accuracy by image minus by patient on part of the real images ({weights} weights): "
            f"{'; '.join(texts)}. {_beyond_chance(rows)}" + _too_few(lacking),
            "leakage",
            "robust, no overfitting",
        )
    ]


def _beyond_chance(rows: pd.DataFrame) -> str:
    """How many differences exclude 0 singly, and how many after the correction over all."""
    corrected = holm(rows["p_value"])
    single = int(((rows["low"] > 0) | (rows["high"] < 0)).sum())
    together = int((corrected < LEVEL).sum())
    return (
        f"{single or 'None'} of {len(rows)} intervals exclude{'s' if single == 1 else ''} 0, "
        f"{together or 'none'} after Holm's correction (smallest p {number(float(corrected.min()))}"
        f"); differences of up to {number(float(rows['high'].max()))} remain possible"
    )


# --- what is missing ------------------------------------------------------------------------------


def _printed_cells(tables: Tables) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Printed results beside ours, those that could be compared, and what stood against it."""
    names = [name for name in tables if name[:8] in ("table_07", "table_08")]
    rows = pd.concat([tables[name] for name in names])
    printed = rows[rows["printed"].notna() & rows["value"].notna()]
    compared = printed[printed["verdict"] != NOT_TESTED]
    return printed, compared, join_obstacles(*map(split_obstacles, printed["obstacles"]))


def _cells(tables: Tables) -> list[Line]:
    """How many printed results could be compared with a replication."""
    printed, compared, reasons = _printed_cells(tables)
    ruling = replicates(printed)
    if len(compared):
        text = (
            f"that the printed scores replicate: of {len(printed)} printed values in Tables VII "
            f"and VIII, {len(compared)} were compared with replications: "
            f"{verdict_counts(compared['verdict'])}"
        )
        return [Line(ruling, text, "table_07_breakhis_comparison")]
    return [
        Line(
            ruling,
            f"whether the printed scores of Tables VII and VIII replicate: none of the "
            f"{len(printed)} that stand beside runs of ours is comparable ({reasons})",
            "summary",
        )
    ]


def _maps(tables: Tables) -> list[Line]:
    """Whether the localisation claims could be tested."""
    rows = _tests_of(tables["claims"], "localisation", "measured")
    if rows.empty:
        return []
    ruling = alike(rows.fillna({"reason": ""}))
    text = (
        "that DT Grad-CAM finds lesions better than other methods: BreakHis has no lesion masks, "
        "and the paper does not say what it compared its maps with; "
    )
    if ruling.verdict == NOT_TESTED:
        text += f"Mini-DDSM has masks, but no test on it counts ({ruling.reason})"
    else:
        text += f"tests on Mini-DDSM: {verdict_counts(rows['verdict'])}"
    return [Line(ruling, text, "claims", "localisation")]


MAKERS: tuple[tuple[Callable[[Tables], list[Line]], str], ...] = (
    (_audit, "audit"),
    (_imbalance, "claims"),
    (_times, "claims"),
    (_leads, "printed_intervals"),
    (_detectable, "detectable"),
    (_patients, "split_patients"),
    (_effective, "detectable"),
    (_gate, "comparisons"),
    (_crossover, "crossover"),
    (_leakage, "leakage"),
    (_maps, "claims"),
    (_cells, "table_07_breakhis_comparison"),
)


# --- in three points ------------------------------------------------------------------------------


def _brief_audit(tables: Tables) -> str:
    return f"**The paper's own numbers:** {_impossible_words(tables['audit'])}."


def _brief_crossover(tables: Tables) -> str:
    return (
        "**New patients:** on the same test images, accuracy with other images of the patient in "
        f"training against accuracy without: {_known_words(_known_and_unknown(tables))}."
    )


def _brief_leakage(tables: Tables) -> str:
    rows = _accuracy_by_split(tables)
    if rows.empty or "crossover" in tables:
        return ""
    networks = rows["network"].nunique()
    differences = [
        f"{_signed_range(part['difference'])} at {DATASET_LABELS[name].removeprefix('BreakHis ')}"
        for name, part in rows.groupby("dataset", sort=False)
    ]
    return (
        "**New patients:** on the part of BreakHis that we have, the accuracy of "
        f"{networks} networks ({', '.join(dict.fromkeys(rows['weights']))} weights) on a split by "
        f"image minus that on a split by patient is {' and '.join(differences)}. "
        f"{_beyond_chance(rows)}."
    )


def _signed_range(values: pd.Series) -> str:
    return f"{values.min():+.3f} to {values.max():+.3f}"


def _brief_cells(tables: Tables) -> str:
    _, compared, reasons = _printed_cells(tables)
    if len(compared):
        return f"**Replication:** {_cells(tables)[0].text}."
    return (
        "**Not run yet:** the paper's own experiment. None of its printed scores could be tested "
        f"by our runs ({reasons})."
    )


# What makes a point, the table that it needs, and the page that it links to.
BRIEF: tuple[tuple[Callable[[Tables], str], str, str], ...] = (
    (_brief_audit, "audit", "audit"),
    (_brief_crossover, "crossover", "crossover"),
    (_brief_leakage, "leakage", "leakage"),
    (_brief_cells, "table_07_breakhis_comparison", "summary"),
)
