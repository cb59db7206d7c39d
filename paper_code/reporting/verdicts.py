"""Verdicts on measured statements: the words, the guards, and the rules from numbers to a word.

Every sentence with a status passes through here: cells beside printed values, comparisons of
networks and of maps, claims, lines of the answer. A table writes down as text what stands against
each of its rows (`obstacles`: they are about something else) and what they lack (`shortfall`: too
few runs or patients). By the `Standard` of its statement a rule looks at both before it looks at a
number, and nothing else makes a `Ruling`. benchmarks/verdicts.py simulates how often the rules are
wrong. (Printed numbers and the audit have words of their own.)

Statements about networks are about networks trained on images of the data set at hand: the spread
between runs holds other splits and seeds, not other training patients. What those would change for
one network and not for another counts as a difference between the networks.
"""

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binom, t

from paper_code.datasets.catalog import PAPER_DATASETS
from paper_code.metrics.comparisons import holm
from paper_code.networks.registry import NEVER_PRETRAINED, parse_network
from paper_code.progress import count_text
from paper_code.reporting.markdown import p_text

LEVEL = 0.05  # of every test
MARGIN = 0.02  # differences within two points count as none, where no order is at stake
FEWEST_RUNS = 5  # independent runs of each network, for a statement about networks
FEWEST_PATIENTS = 20  # in each run's test set: below, intervals are too narrow
# What the paper states of its training (section IV-A).
PROTOCOL = {
    "image_size": 224,
    "epochs": 50,
    "batch_size": 32,
    "learning_rate": 1e-4,
    "dropout": 0.25,
}


class Verdict(StrEnum):
    """What results say about a statement."""

    AGREES = "agrees"  # equal, or equivalent within a margin
    DIFFERS = "differs"
    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    NOT_SHOWN = "not shown"  # there are results about it, and they decide nothing
    NOT_TESTED = "not tested"  # there are none


AGREES, DIFFERS, SUPPORTED, CONTRADICTED, NOT_SHOWN, NOT_TESTED = Verdict


class Ruling(NamedTuple):
    """A verdict with its reason."""

    verdict: Verdict
    reason: str


# Reasons.
NOT_PRINTED, NOT_RUN = "not printed", "not run"
NOT_IDENTIFIED = "not identified"  # which network the paper counted
NO_VALUE = (NOT_PRINTED, NOT_RUN, NOT_IDENTIFIED)
NO_RUNS = "no such runs"
NEITHER = "neither a difference nor equivalence is shown"
BY_ARITHMETIC = "by arithmetic"


# --- guards: what stands against results, as text -------------------------------------------------

PHANTOM, UNEQUAL_EPOCHS = "phantom", "unequal epochs"
OTHER_HARDWARE, NO_INTERVAL = "other hardware", "no interval"
# What stands only against statements about the paper, as does a scale below its own.
OTHER_DATA, SUBSET = "not the paper's data", "subset"
RANDOM, FROZEN = "random weights", "frozen backbone"
OTHER_PROTOCOL, BY_PATIENT = "other protocol", "split by patient"
PAPER_ONLY = (OTHER_DATA, SUBSET, RANDOM, FROZEN, OTHER_PROTOCOL, BY_PATIENT)
SCALE = " scale"


def data_obstacles(source: dict) -> list[str]:
    """Why images (their `source.json`) are not the paper's; empty if they are all of them."""
    if source["source"] == "phantom":
        return [PHANTOM]
    if source["dataset"] not in PAPER_DATASETS:
        return [OTHER_DATA]
    return [] if source["complete"] else [SUBSET]


def run_obstacles(facts: dict, scale: str) -> list[str]:
    """Why a run (its `run.json`) cannot speak for or against the printed one; empty if it can."""
    found = data_obstacles(facts["data"])
    if scale != "paper":
        found.append(scale + SCALE)
    pretrained = parse_network(facts["network"])[0] not in NEVER_PRETRAINED
    if pretrained and facts["weights"].startswith("random"):
        found.append(RANDOM)
    if facts["frozen"]:
        found.append(FROZEN)
    stated = facts["settings"] | {"dropout": facts["dropout"]}
    if scale == "paper" and any(stated[name] != value for name, value in PROTOCOL.items()):
        found.append(OTHER_PROTOCOL)
    if facts["by"] == "patient":  # the counts of Table VI are those of a split by image
        found.append(BY_PATIENT)
    return found


class Standard(NamedTuple):
    """What a kind of statement needs before a number is looked at."""

    runs: int = FEWEST_RUNS  # the fewest independent runs of each network
    own_splits: bool = False  # each of them needs a split of its own
    patients: int = FEWEST_PATIENTS  # the fewest in the test set of each run
    paper: bool = True  # whatever makes runs unlike the paper's stands against it
    ignored: tuple[str, ...] = ()  # obstacles that do not matter


PAPER = Standard()  # the paper's claims
IMAGES = Standard(paper=False)  # networks and maps, on the images and weights that a sentence names
REPLICATION = Standard(own_splits=True, patients=0)  # a printed value as one more run
TIMES = Standard(patients=0, ignored=(OTHER_HARDWARE, NO_INTERVAL))  # ratios of times


def shortfall(
    repeats: Iterable[tuple[int, int]], patients: Iterable[int] = (), standard: Standard = IMAGES
) -> str:
    """What runs lack for a statement, joined by ", "; "" if nothing.

    Args:
        repeats: seed of the split and seed of the training of each run.
        patients: in the test set of each run; single images where no patient is known.
        standard: of the statement.
    """
    distinct = set(repeats)
    splits, seeds = ({pair[place] for pair in distinct} for place in (0, 1))
    lacking = []
    if len(seeds) < standard.runs:
        lacking.append(f"{len(seeds)} of at least {standard.runs} seeds")
    # Runs with a split and a seed of their own are independent; so are seeds on one split, for
    # what is said of that split. Runs that share some are fewer than they seem.
    one_split = len(splits) == 1 and not standard.own_splits
    shared = [
        count_text(len(values), noun)
        for values, noun, matters in ((splits, "split", not one_split), (seeds, "seed", True))
        if matters and len(values) < len(distinct)
    ]
    if shared:
        lacking.append(f"{count_text(len(distinct), 'run')} share {' and '.join(shared)}")
    if standard.patients and (fewest := min(patients)) < standard.patients:
        lacking.append(f"{fewest} of at least {standard.patients} test patients in a run")
    return joined(lacking)


def joined(reasons: Iterable[str]) -> str:
    """The text of a column of obstacles or shortfalls: each reason (of each such text) once."""
    return ", ".join(dict.fromkeys(each for text in reasons for each in split_obstacles(text)))


def split_obstacles(text: str) -> list[str]:
    """The reasons in a cell of such a column."""
    return text.split(", ") if text else []


def counts(rows: pd.DataFrame, standard: Standard = PAPER) -> pd.Series:
    """Against which rows of a table with a column `obstacles` nothing stands."""
    return rows["obstacles"].map(lambda text: not _against(text, standard)).astype(bool)


def _against(text: str, standard: Standard) -> list[str]:
    """The obstacles in a cell that matter to a statement."""
    return [
        reason
        for reason in split_obstacles(text)
        if reason not in standard.ignored
        and (standard.paper or not (reason in PAPER_ONLY or reason.endswith(SCALE)))
    ]


def guarded(rows: pd.DataFrame, standard: Standard) -> Ruling | None:
    """Why rows with obstacles and shortfall decide nothing about a statement; None if they may."""
    if rows.empty:
        return Ruling(NOT_TESTED, NO_RUNS)
    free = rows[counts(rows, standard)]
    if free.empty:
        return Ruling(NOT_TESTED, joined(_against(joined(rows["obstacles"]), standard)))
    lacking = joined(free["shortfall"])
    return Ruling(NOT_SHOWN, lacking) if lacking else None


def _guarded_row(row: pd.Series, standard: Standard) -> Ruling | None:
    """`guarded` of a single row."""
    if against := _against(row["obstacles"], standard):
        return Ruling(NOT_TESTED, joined(against))
    return Ruling(NOT_SHOWN, row["shortfall"]) if row["shortfall"] else None


# --- rules: one cell or comparison ----------------------------------------------------------------


def exact_columns(
    value: float, printed: float, obstacles: Sequence[str] = (), missing: str = NOT_RUN
) -> dict[str, str]:
    """The columns `verdict`, `reason` and `obstacles` of a count, which agrees if it is equal.

    `missing`: why there is no value.
    """
    if np.isnan(printed) or np.isnan(value):
        ruling = Ruling(NOT_TESTED, NOT_PRINTED if np.isnan(printed) else missing)
    elif obstacles:
        ruling = Ruling(NOT_TESTED, joined(obstacles))
    else:
        ruling = Ruling(AGREES, "equal") if value == printed else Ruling(DIFFERS, "not equal")
    columns = {"verdict": ruling.verdict.value, "reason": ruling.reason}
    return columns | {"obstacles": joined(obstacles)}


def order_margin(printed: Sequence[float]) -> float:
    """The margin of "agrees" for one column of printed values: `MARGIN`, or half the lead of the
    first over the second if that is less.

    So the two cannot both agree with values in the other order.
    """
    ordered = np.sort(pd.Series(printed, dtype=float).dropna())
    lead = round(ordered[-1] - ordered[-2], 9) if len(ordered) > 1 else 0
    return min(MARGIN, lead / 2) if lead > 0 else MARGIN


def replicated(rows: pd.DataFrame) -> pd.DataFrame:
    """Add p_holm, verdict and reason to measured cells beside printed values.

    `rows` has printed, p_value and equivalent (of `metrics.replication`), the margin of the latter,
    metric, obstacles and shortfall. The family of Holm's correction is one metric of one table, of
    the cells that count.
    """
    rows = rows.copy()
    counting = counts(rows) & (rows["shortfall"] == "")
    family = [rows["metric"], counting]
    rows["p_holm"] = rows.groupby(family)["p_value"].transform(holm)

    def ruling(row: pd.Series) -> Ruling:
        if np.isnan(row["printed"]):
            return Ruling(NOT_TESTED, NOT_PRINTED)
        if guard := _guarded_row(row, PAPER):
            return guard
        if row["p_holm"] < LEVEL:
            return Ruling(DIFFERS, f"{p_text(row['p_holm'])} (Holm)")
        return _equivalent(row["equivalent"], row["margin"])

    return _ruled(rows, ruling)


def compared(
    rows: pd.DataFrame, standard: Standard = IMAGES, margin: float = MARGIN
) -> pd.DataFrame:
    """Add verdict and reason on "the first is better" to paired differences.

    `rows` has difference (positive: the first is better), p_holm, se, df, obstacles and shortfall.
    It agrees where the 90 % interval lies within `margin` (two one-sided tests); never with 0.
    """
    reach = t.ppf(1 - LEVEL, rows["df"].to_numpy(float)) * rows["se"]
    rows = rows.assign(_within=rows["difference"].abs() + reach < margin)

    def ruling(row: pd.Series) -> Ruling:
        if guard := _guarded_row(row, standard):
            return guard
        if row["p_holm"] < LEVEL and row["difference"] != 0:
            verdict = SUPPORTED if row["difference"] > 0 else CONTRADICTED
            return Ruling(verdict, f"{p_text(row['p_holm'])} (Holm)")
        return _equivalent(row["_within"], margin)

    return _ruled(rows, ruling).drop(columns="_within")


def _equivalent(shown: bool, margin: float) -> Ruling:
    if shown:
        return Ruling(AGREES, f"equivalent within {margin:g}")
    return Ruling(NOT_SHOWN, NEITHER)


def _ruled(rows: pd.DataFrame, ruling: Callable[[pd.Series], Ruling]) -> pd.DataFrame:
    """Rows with the columns verdict and reason."""
    found = [ruling(row) for _, row in rows.iterrows()]
    return rows.assign(
        verdict=[each.verdict.value for each in found], reason=[each.reason for each in found]
    )


def predicted(rows: pd.DataFrame) -> pd.DataFrame:
    """The cells that count and have a prediction interval."""
    return rows[counts(rows) & (rows["shortfall"] == "") & rows["p_value"].notna()]


def chance_of_outside(shares: Sequence[float]) -> float:
    """The most that chance alone can make of so many cells outside their prediction intervals.

    Each cell lies outside with a probability of `LEVEL`. Cells of one data set share test images
    and may go together in any way; data sets are independent. With B binomial (data sets, `LEVEL`)
    and S the sum of the shares, E max(S - a, 0) <= E max(B - a, 0) for every a, since no share is
    more spread out than one that is 0 or 1. Markov's inequality then bounds P(S >= s).

    Args:
        shares: of the cells outside, one for each data set.
    """
    total, count = float(np.sum(shares)), len(shares)
    bounds = [1.0]
    for a in range(count):
        if total > a:  # E max(B - a, 0) is the sum of P(B > k) for k = a, a + 1, ...
            excess = binom.sf(np.arange(a, count), count, LEVEL).sum()
            bounds.append(excess / (total - a))
    return float(min(bounds))


# --- rules: statements about several --------------------------------------------------------------


def everywhere(rows: pd.DataFrame, expected: int, standard: Standard = PAPER) -> Ruling:
    """On "better in every comparison", from difference, p_value, p_holm, obstacles and shortfall.

    Contradicted: some comparison shows the opposite, so Holm's correction keeps the chance of a
    false one at 5 % for the family. Supported: every one shows the claimed direction at 5 % without
    correction, which is valid because all of them must (an intersection-union test: Berger 1982).
    `expected` is how many comparisons the whole claim has.
    """
    if guard := guarded(rows, standard):
        return guard
    free = rows[counts(rows, standard)]
    better, worse = shown_better(free), shown_worse(free)
    if worse:
        verb = "shows" if worse == 1 else "show"
        return Ruling(CONTRADICTED, f"{worse} of {len(free)} comparisons {verb} the opposite")
    if better == expected:
        return Ruling(SUPPORTED, f"all {expected} comparisons show it")
    missing = "" if len(free) == expected else f", {expected - len(free)} not made"
    verb = "shows" if better == 1 else "show"
    return Ruling(
        NOT_SHOWN, f"{better} of {expected} comparisons {verb} it, none the opposite{missing}"
    )


def shown_better(rows: pd.DataFrame) -> int:
    """How many comparisons show the claimed direction, each at 5 % on its own."""
    return int(((rows["difference"] > 0) & (rows["p_value"] < LEVEL)).sum())


def shown_worse(rows: pd.DataFrame) -> int:
    """How many show the opposite after Holm's correction."""
    return int(((rows["difference"] < 0) & (rows["p_holm"] < LEVEL)).sum())


def alike(rows: pd.DataFrame) -> Ruling:
    """On a statement that holds if all of some rows say so: their verdict, if they have one."""
    if rows.empty:
        return Ruling(NOT_TESTED, NO_RUNS)
    found = rows["verdict"].value_counts(sort=False)
    if len(found) == 1:
        reasons = joined(rows["reason"])
        return Ruling(Verdict(found.index[0]), reasons)
    words = ", ".join(f"{verdict} in {count} of {len(rows)}" for verdict, count in found.items())
    return Ruling(NOT_SHOWN, words)


def somewhere(rows: pd.DataFrame) -> Ruling:
    """On a statement that holds if one of some rows supports it (after Holm over all of them)."""
    shown = int((rows["verdict"] == SUPPORTED).sum())
    if shown:
        return Ruling(SUPPORTED, f"in {shown} of {len(rows)} comparisons")
    tested = (rows["verdict"] != NOT_TESTED).any()
    reasons = joined(rows["reason"])
    return Ruling(NOT_SHOWN if tested else NOT_TESTED, reasons or NO_RUNS)


def replicates(rows: pd.DataFrame) -> Ruling:
    """On "all of these printed values replicate", from cells of `replicated`.

    Contradicted: more of them lie outside their prediction intervals than chance allows
    (`chance_of_outside`), or one differs after Holm's correction over all; either at `LEVEL` / 2.
    The count comes first because single cells are seldom found: few runs predict poorly. Supported:
    all agree.
    """
    if guard := guarded(rows, PAPER):
        return guard
    agreeing = int((rows["verdict"] == AGREES).sum())
    if agreeing == len(rows):
        return Ruling(SUPPORTED, f"all {agreeing} agree")
    tested = predicted(rows)
    outside = tested["p_value"] < LEVEL
    by_count = chance_of_outside(outside.groupby(tested["dataset"]).mean().to_list())
    reason = (
        f"{outside.sum()} of {len(tested)} lie outside their 95 % prediction intervals, "
        f"{LEVEL * len(tested):.1f} expected ({p_text(by_count)} at most)"
    )
    single = float(np.nanmin(holm(tested["p_value"]), initial=1.0))
    if 2 * min(by_count, single) < LEVEL:
        alone = "" if by_count <= single else f"; one alone has {p_text(single)} (Holm)"
        return Ruling(CONTRADICTED, reason + alone)
    return Ruling(NOT_SHOWN, f"{agreeing} of {len(rows)} agree; {reason}")


def leads_stand(stand: int, leads: int) -> Ruling:
    """On "ahead of all others", from how many printed leads are significant whatever is unknown."""
    if stand == leads:
        return Ruling(SUPPORTED, f"all {leads} leads stand")
    return Ruling(NOT_SHOWN, f"{stand} of {leads} leads stand")


def arithmetic(*holds: bool) -> Ruling:
    """On a statement that exact numbers prove or exclude; by each measure, if it names none."""
    if len(set(holds)) > 1:
        return Ruling(NOT_SHOWN, f"holds by {sum(holds)} of {len(holds)} measures")
    return Ruling(SUPPORTED if holds[0] else CONTRADICTED, BY_ARITHMETIC)


def not_tested(reason: str) -> Ruling:
    """On a statement about which there are no results."""
    return Ruling(NOT_TESTED, reason)


# --- for reading ----------------------------------------------------------------------------------


def evidence_text(text: str) -> str:
    """A cell of the column `obstacles` for reading: "yes", or "no: " and the reasons."""
    return f"no: {text}" if text else "yes"


def verdict_text(row: pd.Series | dict) -> str:
    """The verdict of a row for reading, with the reason where nothing could be shown or tested."""
    verdict, reason = row["verdict"], row["reason"]
    if reason in NO_VALUE:
        return reason
    said = verdict == NOT_TESTED or (verdict == NOT_SHOWN and reason != NEITHER)
    return f"{verdict}: {reason}" if said else str(verdict)


def verdict_counts(verdicts: Iterable[str]) -> str:
    """How many have each verdict: "3 agree, 1 not shown"."""
    found = pd.Series(list(verdicts)).value_counts()
    texts = []
    for verdict in Verdict:
        if count := int(found.get(verdict, 0)):
            verb = verdict in (AGREES, DIFFERS) and count > 1
            texts.append(f"{count} {verdict.removesuffix('s') if verb else verdict}")
    return ", ".join(texts)
