"""McNemar's test, what a lead can mean, and power: against scipy, definitions and simulation."""

import numpy as np
import pytest
from scipy import stats

from paper_code.errors import UserError
from paper_code.metrics.power import (
    lead_p_values,
    least_difference,
    least_images_ahead,
    mcnemar_p,
    mcnemar_power,
    shared_errors_needed,
    unpaired_p,
)


def test_the_p_value_is_the_binomial_one():
    for first in range(12):
        for second in range(12):
            expected = stats.binomtest(first, first + second).pvalue if first + second else 1.0
            assert mcnemar_p(first, second) == pytest.approx(min(1.0, expected))
    assert mcnemar_p(7, 0) == pytest.approx(2.0**-6)
    assert mcnemar_p(4.2, 0) == pytest.approx(2 ** (1 - 4.2))


def test_six_images_are_the_fewest():
    assert least_images_ahead(0.05) == 6
    assert mcnemar_p(6, 0) <= 0.05 < mcnemar_p(5, 0)
    count = least_images_ahead(0.05 / 8)
    assert mcnemar_p(count, 0) <= 0.05 / 8 < mcnemar_p(count - 1, 0)
    with pytest.raises(UserError, match="alpha"):
        least_images_ahead(0)


def test_every_pairing_of_the_errors_lies_between_the_ends():
    for wrong_first, wrong_second, images in ((8, 18, 624), (31, 41, 546), (70, 60, 100)):
        ends = lead_p_values(1 - wrong_first / images, 1 - wrong_second / images, images)
        fewest = max(0, wrong_first + wrong_second - images)
        p_values = [
            mcnemar_p(wrong_second - shared, wrong_first - shared)
            for shared in range(fewest, min(wrong_first, wrong_second) + 1)
        ]
        assert ends.nested == pytest.approx(min(p_values), rel=1e-6)
        assert ends.disjoint == pytest.approx(max(p_values), rel=1e-6)


def test_the_shared_errors_needed_are_the_fewest():
    needed = shared_errors_needed(8, 18)
    assert mcnemar_p(18 - needed, 8 - needed) <= 0.05
    assert mcnemar_p(18 - needed + 1, 8 - needed + 1) > 0.05
    assert shared_errors_needed(8, 13) is None
    assert shared_errors_needed(0, 50) == 0


def test_the_unpaired_p_value_is_fishers():
    expected = stats.fisher_exact([[616, 8], [606, 18]]).pvalue
    assert unpaired_p(616, 606, 624) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("difference", "discordance", "images"), [(0.03, 0.06, 300), (0.1, 0.2, 60), (0.0, 0.1, 200)]
)
def test_the_power_is_that_of_a_simulation(difference, discordance, images):
    rng = np.random.default_rng(0)
    trials = 20_000
    first, second = (discordance + difference) / 2, (discordance - difference) / 2
    counts = rng.multinomial(images, [first, second, 1 - discordance], size=trials)
    known = {}
    rejected = 0
    for only_first, only_second, _ in counts.tolist():
        pair = (only_first, only_second)
        known.setdefault(pair, mcnemar_p(*pair) <= 0.05)
        rejected += known[pair]
    power = mcnemar_power(difference, discordance, images)
    assert power == pytest.approx(rejected / trials, abs=4 * np.sqrt(0.25 / trials))
    if difference == 0:
        assert power <= 0.05


def test_the_least_difference_has_the_power_asked_for():
    found = least_difference(600, 0.01)
    assert mcnemar_power(found, found + 0.02, 600) == pytest.approx(0.8, abs=1e-3)
    assert mcnemar_power(found - 0.003, found + 0.017, 600) < 0.8
    assert found > least_images_ahead(0.05) / 600
    assert least_difference(600, 0.01, alpha=0.05 / 8) > found
    assert np.isnan(least_difference(5, 0.01))
    with pytest.raises(UserError, match="discordance"):
        mcnemar_power(0.1, 0.05, 100)
