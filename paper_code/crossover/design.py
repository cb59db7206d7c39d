"""Who is trained on and who is tested in one repeat of the crossover."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from paper_code.errors import UserError
from paper_code.networks.registry import VARIANTS

PLAIN = "efficientnet_lite0"  # the network that is compared with its variants
NETWORKS = (PLAIN, *(f"{PLAIN}-{variant}" for variant in VARIANTS[PLAIN]))
ARMS = ("A", "B")
SHARE = 1 / 4  # of a class's patients in each of the two groups; half of them stay in the pool


@dataclass(frozen=True)
class Repeat:
    """Rows of a data set in one repeat."""

    train: dict[str, np.ndarray]  # of each arm: the pool, and halves of a group that are not tested
    test: np.ndarray  # of both groups, tested by both arms
    known: dict[str, np.ndarray]  # whether an arm trained on other images of a test row's patient


def draw_repeat(
    labels: np.ndarray,
    patients: np.ndarray,
    seed: int,
    repeat: int,
    among: Collection | None = None,
) -> Repeat:
    """Draw two groups of test patients, matched in pairs by class and number of images.

    Of each class, `SHARE` of its patients are drawn for each group. They are paired by the number
    of their images, and a coin decides who of a pair joins which group. A patient's images are
    halved at random: one half is tested by both arms, of the other half both patients of a pair
    give the same number to the arm that knows them. Both arms thus train on the same number of
    images and patients of each class, and every test patient is known to one arm.

    `labels` and `patients` are of N images; `seed` and the number of the repeat decide everything.
    `among` are the patients that may be drawn, all by default; whoever has one image never is.
    UserError if a patient has images of two classes, or a class has fewer than two patients to draw
    from and none to spare for the pool.
    """
    table = pd.DataFrame({"label": np.asarray(labels), "patient": np.asarray(patients)})
    one = table.groupby("patient")["label"].agg(["nunique", "first", "size"])
    if (one["nunique"] > 1).any():
        name = one.index[one["nunique"] > 1][0]
        raise UserError(f"Patient '{name}' has images of two classes; the crossover needs one.")
    rng = np.random.default_rng([seed, repeat])
    may = one.index if among is None else one.index.intersection(list(among))
    drawn, tested, taught = [], [], ([], [])
    for label, of_class in one.groupby("first"):
        eligible = of_class.index[(of_class["size"] > 1) & of_class.index.isin(may)]
        pairs = max(1, round(SHARE * len(eligible)))
        if len(eligible) < 2 or 2 * pairs >= len(of_class):
            raise UserError(
                f"Class '{label}' has {len(eligible)} patients of two images or more to test and "
                f"{len(of_class)} in all; the crossover needs two, and one more to train on."
            )
        chosen = rng.permutation(eligible)[: 2 * pairs]
        chosen = chosen[np.argsort(-one.loc[chosen, "size"].to_numpy(), kind="stable")]
        for pair in chosen.reshape(pairs, 2):
            halves = [rng.permutation(np.flatnonzero(table["patient"] == name)) for name in pair]
            number = min(len(rows) // 2 for rows in halves)
            for group, who in enumerate(rng.permutation(2)):
                rows = halves[who]
                taught[group].append(rows[:number])
                tested.append((rows[len(rows) // 2 :], group))
            drawn += list(pair)
    pool = np.flatnonzero(~table["patient"].isin(drawn))
    test = np.concatenate([rows for rows, _ in tested])
    group = np.concatenate([np.full(len(rows), number) for rows, number in tested])
    order = np.argsort(test)
    arms = list(enumerate(ARMS))
    return Repeat(
        {arm: np.sort(np.concatenate([pool, *taught[number]])) for number, arm in arms},
        test[order],
        {arm: group[order] == number for number, arm in arms},
    )
