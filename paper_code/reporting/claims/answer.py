"""Does the paper hold? At most seven lines, each made from one table, with its evidence below it.

The status of a line is a verdict of `reporting.verdicts` on the statement that it makes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd
from scipy.stats import t

from paper_code.audit.finding import IMPOSSIBLE
from paper_code.audit.report import themes
from paper_code.metrics.comparisons import holm
from paper_code.reporting.labels import CHANCE_MAPS, NETWORK_LABELS, PAPER_METHODS, label
from paper_code.reporting.layouts import REFERENCE
from paper_code.reporting.readable import readable
from paper_code.reporting.tables.crossover import PLAIN, frozen_rows
from paper_code.reporting.tables.printed_intervals import STANDS
from paper_code.reporting.verdicts import (
    AGREES,
    BY_ARITHMETIC,
    CONTRADICTED,
    LEVEL,
    MARGIN,
    NO_RUNS,
    NOT_TESTED,
    SUPPORTED,
    Ruling,
    alike,
    arithmetic,
    compared,
    joined,
    leads_stand,
    not_tested,
    replicates,
    shortfall,
    somewhere,
    split_obstacles,
    verdict_counts,
)

DIFFERENCE = "difference low high"
LEADS = {"02": "II", "07": "VII", "08": "VIII"}  # tables with leads over a runner-up
PLAIN_WORDS = {  # of what stands against results, for somebody who has not read this code
    "phantom": "synthetic images",
    "demo scale": "small scale",
    "random weights": "no ImageNet weights",
    "subset": "part of the data",
}
Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Line:
    """One line of the answer.

    Attributes:
        ruling: on the statement that the line makes.
        head: what the ruling means, in a few words.
        text: one sentence with the numbers.
        source: the table that it is made from.
        rows: the rows of that table behind it, for reading.
        figure: that shows them, if one does.
    """

    ruling: Ruling
    head: str
    text: str
    source: str
    rows: pd.DataFrame = field(default_factory=pd.DataFrame, compare=False)
    figure: str = ""

    @property
    def status(self) -> str:
        return self.ruling.verdict

    @property
    def told(self) -> str:
        """The status and its reason for reading."""
        exact = self.ruling.reason == BY_ARITHMETIC
        return f"{self.status.capitalize()}{' ' if exact else ': '}{self.ruling.reason}"


def answer(tables: Tables) -> list[Line]:
    """The lines that the tables at hand allow, in the order of `MAKERS`."""
    return [line for make, needs in MAKERS if needs in tables and (line := make(tables))]


def answer_markdown(lines: list[Line], folder: str = "") -> str:
    """The lines as a Markdown list; `folder` is where the tables lie, as seen from the page."""
    return "\n".join(
        f"{place}. **{line.head}.** {line.text} ([{line.source}]({folder}{line.source}.md))"
        for place, line in enumerate(lines, 1)
    )


def _head(ruling: Ruling, statement: str, **says: str) -> str:
    """What a ruling on a statement means; `says` has better words for some verdicts."""
    return says.get(ruling.verdict) or f"{ruling.verdict.capitalize()}: that {statement}"


# --- the paper's own numbers ----------------------------------------------------------------------


def _tables(tables: Tables) -> Line:
    """Which questions about scores, networks and tests have numbers that cannot all be right."""
    found = themes(tables["audit"])
    found = found[found["verdict"] == IMPOSSIBLE]
    slips = int((found["kind"] == "slip").sum())
    ruling = arithmetic(len(found) == slips)
    text = (
        f"On {len(found) - slips} of {tables['audit']['theme'].nunique()} questions printed "
        f"results cannot all be right, besides {slips} slips"
    )
    if "implied_specificity" in tables:
        rows = tables["implied_specificity"]
        rows = rows[rows["network"] != REFERENCE]
        above = int((rows["difference"] > 0).sum())
        text += (
            f". Most plainly, the specificity in Table XI exceeds what Table VII allows in {above} "
            f"of {len(rows)} baseline rows"
        )
    head = _head(
        ruling,
        "the printed tables agree with each other",
        contradicted="The paper's tables contradict each other",
        supported="The paper's tables agree with each other",
    )
    shown = readable(found, "question", "kind", "findings")
    return Line(ruling, head, f"{text}.", "audit", shown, "implied_specificity")


def _elsewhere(tables: Tables) -> Line | None:
    """The printed baselines beside networks of the same names that others trained."""
    rows = tables["networks_elsewhere"]
    rows = rows[(rows["split"] == "image") & (rows["variant"].fillna("") == "")]
    rows = rows[rows["other"] == rows["network"].map(NETWORK_LABELS)]
    if rows.empty:
        return None
    below = int((rows["below"].astype(str) == "True").sum())
    ruling = leads_stand(below, len(rows))
    names = " and ".join(dict.fromkeys(rows["other"]))
    statement = f"{names} lie below what they reach elsewhere"
    head = _head(ruling, statement, supported=statement)
    return Line(
        ruling,
        head,
        "Elsewhere, with ImageNet weights and more training images, split by image, they reach "
        f"{_percents(rows['value'])} on BreakHis; the paper prints {_percents(rows['printed'])}, "
        f"clearly less in {below} of {len(rows)} comparisons.",
        "networks_elsewhere",
        readable(rows, "network", "value low high", "dataset", "printed printed_low printed_high"),
        "networks_elsewhere",
    )


def _leads(tables: Tables) -> Line:
    """Which printed leads over the runner-up are more than chance, whatever is not printed."""
    rows = tables["printed_intervals"]
    numbers = rows["table"].astype(str).str.zfill(2)
    rows = rows.assign(table=numbers)[numbers.isin(LEADS) & (rows["network"] == REFERENCE)]
    # A score that no whole number of images gives may stand for one image more or less.
    sure = rows["is_share"].astype(str).eq("True") | (rows["p_largest_one_more"] <= LEVEL)
    stand = (rows["verdict"] == STANDS) & sure
    ruling = leads_stand(int(stand.sum()), len(rows))
    text = (
        f"{_none(int(stand.sum()))} of its {len(rows)} printed leads over the runner-up is clearly "
        "significant."
    )
    real = _real_baselines(tables)
    if len(real):
        shown = int((real["verdict"] == CONTRADICTED).sum())
        text += (
            " In our small runs from scratch, a baseline is ahead in "
            f"{int((real['difference'] < 0).sum())} of {len(real)} comparisons, "
            f"{shown or 'none'} of them significant."
        )
    head = _head(ruling, "DALAResNet50 or layer 4 is best")
    columns = ("dataset", "lead_over", "lead", "images_ahead", "p_least", "p_largest")
    columns += ("p_largest_one_more", "verdict")
    shown = readable(rows.assign(table=rows["table"].map(LEADS)), "table", *columns)
    return Line(ruling, head, text, "printed_intervals", shown, "printed_intervals")


# --- real images ----------------------------------------------------------------------------------


def _real(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows measured on real images."""
    phantom = rows["obstacles"].map(lambda text: "phantom" in split_obstacles(text))
    return rows[~phantom.astype(bool) & rows["data"].astype(str).str.startswith("real")]


def _real_baselines(tables: Tables) -> pd.DataFrame:
    """Differences in accuracy on real images between DALAResNet50 and each baseline that ran."""
    if "comparisons" not in tables:
        return pd.DataFrame()
    rows = _real(tables["comparisons"])
    rows = rows[(rows["metric"] == "accuracy") & (rows["family"] == "baselines")]
    return rows[rows["verdict"] != NOT_TESTED]


def _crossover(tables: Tables) -> Line | None:
    """What knowing the patient adds to accuracy, on the same images of the same patients."""
    rows = frozen_rows(tables["crossover"])
    if rows.empty:  # only fine-tuned networks were tested
        return None
    rows = _ruled(rows)
    ruling = somewhere(rows)
    head = _head(ruling, "a split by image can flatter", supported="A split by image can flatter")
    first, *more = rows.itertuples()
    text = (
        "On the same test images, a classifier on frozen ImageNet features is right on "
        f"{_percent(first.known)} if training had other images of the patient, on "
        f"{_percent(first.unknown)} if not ({label(first.dataset)}"
    )
    text += "".join(
        f"; {_percent(row.known)} and {_percent(row.unknown)} at "
        f"{label(row.dataset).removeprefix('BreakHis ')}"
        for row in more
    )
    columns = ("dataset", "network", "patients", "known", "unknown", DIFFERENCE, "p_holm")
    shown = readable(rows, *columns)
    return Line(ruling, head, f"{text}).", "crossover", shown, "crossover")


def _ruled(rows: pd.DataFrame, sign: int = 1) -> pd.DataFrame:
    """Differences over patients, ruled on; `sign` is -1 where less is better."""
    if "se" not in rows:
        df = rows["patients"] - 1
        reach = (rows["high"] - rows["low"]) / 2
        rows = rows.assign(df=df, se=reach / t.ppf(1 - LEVEL / 2, df))
    repeats = zip(rows["repeats"], rows["patients"], strict=True)
    rows = rows.assign(
        obstacles="",
        shortfall=[shortfall([(n, n) for n in range(count)], [least]) for count, least in repeats],
    )
    if "p_holm" not in rows:
        rows["p_holm"] = holm(rows["p_value"])
    ruled = compared(rows.assign(difference=sign * rows["difference"]))
    return ruled.assign(difference=rows["difference"])


GATE = "the gate helps"
GATE_HEADS = {
    SUPPORTED: "The gate helps in our test",
    CONTRADICTED: "The gate does harm in our test",
    AGREES: f"The gate changes nothing within {MARGIN:g}",
}


def _gate(tables: Tables) -> Line:
    """The gate on and off, for patients unknown to the network; the primary measure decides."""
    rows = tables.get("gate_crossover")
    if rows is None:
        ruling = not_tested(NO_RUNS)
        text = (
            "No network that starts from ImageNet weights, as the paper's does, has been compared "
            "here with the same network without the gate."
        )
        return Line(ruling, _head(ruling, GATE), text, "claims")
    rows = rows[(rows["patients_are"] == "unknown") & (rows["seed"] == rows["seed"].min())]
    rows = rows[(rows["other"] == PLAIN) & ~rows["dataset"].str.contains("+", regex=False)]
    loss = _ruled(rows[rows["metric"] == "log_loss"], sign=-1)
    first = loss.iloc[[0]]
    ruling = alike(first)
    dataset = first["dataset"].iloc[0]
    (right,) = rows[(rows["metric"] == "accuracy") & (rows["dataset"] == dataset)].itertuples()
    text = (
        f"{label(PLAIN)} from ImageNet weights, unknown patients ({label(dataset)}): log loss, the "
        f"measure fixed beforehand, is {first['value'].iloc[0]:.2f} with the gate and "
        f"{first['other_value'].iloc[0]:.2f} without (lower is better); "
        f"{_percent(right.value)} and {_percent(right.other_value)} right."
    )
    columns = ("dataset", "metric", "value", "other_value", DIFFERENCE, "p_holm")
    shown = readable(rows, *columns)
    return Line(ruling, _head(ruling, GATE, **GATE_HEADS), text, "gate_crossover", shown)


# --- what is missing ------------------------------------------------------------------------------


LESIONS = "DT Grad-CAM finds lesions better"
MASKS = "cam_cbis_ddsm"  # maps of networks with ImageNet weights, on mammograms with lesion masks


def _on_masks(table: pd.DataFrame) -> Line:
    """DT Grad-CAM against the paper's other methods, with as much marked as the lesion covers."""
    rows = table[(table["rule"] == "lesion") & (table["metric"] == "iou")]
    rows = rows[rows["network"] == PLAIN].set_index("method", drop=False)
    ours = rows.loc["dt_gradcam"]
    others = [name for name in PAPER_METHODS if pd.notna(ours[f"less_{name}_verdict"])]
    ruling = alike(
        pd.DataFrame(
            [
                {"verdict": ours[f"less_{name}_verdict"], "reason": ours[f"less_{name}_reason"]}
                for name in others
            ]
        )
    )
    shown = [name for name in ("dt_gradcam", *others, *CHANCE_MAPS) if name in rows.index]
    iou = rows["value"].map("{:.3f}".format)
    text = (
        f"On {ours['images']} mammograms with lesion masks (CBIS-DDSM), IoU at the lesion's own "
        f"area is {iou['dt_gradcam']} for DT Grad-CAM, {iou['gradcam']} for Grad-CAM and "
        f"{iou['random_map']} for a random map."
    )
    return Line(
        ruling,
        _head(ruling, LESIONS),
        text,
        MASKS,
        readable(rows.loc[shown].reset_index(drop=True), "method", "value low high", "images"),
    )


def _maps(tables: Tables) -> Line | None:
    """Whether the localisation claims could be tested, on masks if there are runs on masks."""
    if MASKS in tables:
        return _on_masks(tables[MASKS])
    rows = tables["claims"]
    rows = rows[(rows["claim"] == "localisation") & (rows["evidence"] == "measured")]
    if rows.empty:
        return None
    ruling = alike(rows.fillna({"reason": ""}))
    text = "BreakHis has no lesion masks, and the paper does not say what it compared its maps with"
    if ruling.reason == NO_RUNS:
        text += "; Mini-DDSM, which has masks, has not been run."
    elif ruling.verdict == NOT_TESTED:
        text += f"; our tests on Mini-DDSM do not count yet ({_plainly(ruling.reason)})."
    else:
        text += f". Our tests on Mini-DDSM: {verdict_counts(rows['verdict'])}."
    shown = readable(rows, "part", "result", "verdict", "reason")
    return Line(ruling, _head(ruling, LESIONS), text, "claims", shown)


def _cells(tables: Tables) -> Line:
    """How many printed results could be compared with a replication."""
    names = [name for name in tables if name[:8] in ("table_07", "table_08")]
    rows = pd.concat([tables[name] for name in names])
    rows = rows[rows["printed"].notna()]
    tested = rows[rows["verdict"] != NOT_TESTED]
    ruling = replicates(rows)
    source = "table_07_breakhis_comparison"
    if len(tested):
        head = _head(ruling, "the printed scores replicate")
        text = (
            f"Of {len(rows)} printed scores in Tables VII and VIII, {len(tested)} were compared "
            f"with ours: {verdict_counts(tested['verdict'])}."
        )
        return Line(ruling, head, text, source)
    reasons = joined(rows["obstacles"])
    text = (
        f"None of its {len(rows)} printed scores in Tables VII and VIII could be tested by our "
        f"runs so far ({_plainly(reasons)})."
    )
    against = rows["obstacles"].str.split(", ").explode().value_counts()
    shown = pd.DataFrame(
        {"Scores": against.astype(str), "What stands against our run": map(_plainly, against.index)}
    )
    return Line(ruling, "Not run yet: the paper's own experiment", text, source, shown)


# --- words ----------------------------------------------------------------------------------------


def _plainly(reasons: str) -> str:
    return ", ".join(PLAIN_WORDS.get(reason, reason) for reason in split_obstacles(reasons))


def _none(count: int) -> str:
    return str(count) if count else "None"


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def _percents(values: pd.Series) -> str:
    return f"{100 * values.min():.0f} to {_percent(values.max())}"


# What makes a line, and the table that it needs, in the order of the answer.
MAKERS: tuple[tuple[Callable[[Tables], Line | None], str], ...] = (
    (_tables, "audit"),
    (_elsewhere, "networks_elsewhere"),
    (_crossover, "crossover"),
    (_leads, "printed_intervals"),
    (_gate, "claims"),
    (_maps, "claims"),
    (_cells, "table_07_breakhis_comparison"),
)
