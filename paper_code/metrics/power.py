"""What a paired comparison on one test set can show: exact McNemar test, its power.

Two networks classify the same N independent images. B images only the first has right, C only the
second; the exact McNemar test asks whether B and C differ by more than a fair coin's throws.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import betainc
from scipy.stats import binom, fisher_exact, t

from paper_code.errors import UserError


def mcnemar_p(only_first: float, only_second: float) -> float:
    """Two-sided p-value of the exact McNemar test; 1 where the networks never differ.

    Twice the binomial tail with probability 1/2, written as the incomplete beta function, which
    continues it to effective numbers of images that are not whole.
    """
    fewer, more = sorted((only_first, only_second))
    if more == 0:
        return 1.0
    return float(min(1.0, 2 * betainc(more, fewer + 1, 0.5)))


def least_images_ahead(alpha: float) -> int:
    """The fewest images of lead that can have a p-value of at most alpha, 2^(1-k): 6 for 0.05."""
    if not 0 < alpha < 1:
        raise UserError(f"alpha must lie between 0 and 1; it is {alpha}.")
    return int(np.ceil(1 - np.log2(alpha)))


class LeadP(NamedTuple):
    """p-values of one lead under two pairings of the errors, between which every other lies.

    `nested`: every error of the better network is one of the other, too; the least p, 2^(1-k) for
    k images of lead. `disjoint`: the networks share as few errors as possible; the largest.
    """

    nested: float
    disjoint: float


def lead_p_values(share_first: float, share_second: float, images: float) -> LeadP:
    """What a printed lead can mean, where the paper does not say which images were wrong for both.

    The shares are accuracies of two networks on the same test set, `images` its (effective) size.
    """
    fewer, more = sorted(((1 - share_first) * images, (1 - share_second) * images))
    shared = max(0.0, fewer + more - images)
    return LeadP(mcnemar_p(more - fewer, 0), mcnemar_p(more - shared, fewer - shared))


def unpaired_p(right_first: int, right_second: int, images: int) -> float:
    """Fisher's exact test of two accuracies as if each network had test images of its own."""
    table = [[right, images - right] for right in (right_first, right_second)]
    return float(fisher_exact(table).pvalue)


def shared_errors_needed(wrong_first: int, wrong_second: int, alpha: float = 0.05) -> int | None:
    """How many errors two networks must share for their lead to have p of at most alpha.

    The arguments are wrong images of either network, and alpha of the two-sided exact McNemar test.
    None where even all errors of the better network are too few.
    """
    fewer, more = sorted((wrong_first, wrong_second))
    for shared in range(fewer + 1):
        if mcnemar_p(more - shared, fewer - shared) <= alpha:
            return shared
    return None


def mcnemar_power(difference: float, discordance: float, images: int, alpha: float = 0.05) -> float:
    """Exact power of the two-sided exact McNemar test on N independent images.

    `difference` is that of the true accuracies, first minus second; `discordance` the probability
    that exactly one network is right on an image. The power is the sum over the number of
    discordant images D, binomial (N, discordance), of the probability that B of D, binomial
    (D, (1 + difference / discordance) / 2), falls into the rejection region. UserError if the
    discordance is smaller than the absolute difference, or above 1.
    """
    if not abs(difference) <= discordance <= 1:
        raise UserError(
            f"A discordance lies between the difference ({difference}) and 1; it is {discordance}."
        )
    if discordance == 0:
        return 0.0
    counts = np.arange(images + 1)
    # The largest b with 2 P(B <= b) <= alpha for each D, -1 where there is none.
    edge = binom.ppf(alpha / 2, counts, 0.5).astype(int)
    edge -= 2 * binom.cdf(edge, counts, 0.5) > alpha
    share = (1 + difference / discordance) / 2
    rejects = binom.cdf(edge, counts, share) + binom.cdf(edge, counts, 1 - share)
    return float((binom.pmf(counts, images, discordance) * rejects).sum())


def least_difference(images: int, against: float, power: float = 0.8, alpha: float = 0.05) -> float:
    """The least difference of true accuracies that the exact McNemar test finds with this power.

    `against` is the probability that only the worse network is right on an image; the discordance
    is the difference plus twice this. NaN where no possible difference has this power.
    """
    largest = 1 - 2 * against

    def lacking(difference: float) -> float:
        return mcnemar_power(difference, difference + 2 * against, images, alpha) - power

    if largest <= 0 or lacking(largest) < 0:
        return float("nan")
    return float(brentq(lacking, 0, largest, xtol=1e-6))


def least_detectable(
    se: np.ndarray, df: np.ndarray, power: float = 0.8, alpha: float = 0.05
) -> np.ndarray:
    """The true difference that a two-sided t-test with this standard error finds."""
    return se * (t.ppf(1 - alpha / 2, df) + t.ppf(power, df))
