"""Could a printed value be one more run of an experiment?"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import t

# To and from the scales of the test: that of the values, and the arcsine of their root.
SCALES = (
    (lambda value: value, lambda value: value),
    (
        lambda share: np.arcsin(np.sqrt(np.clip(share, 0, 1))),
        lambda angle: np.sin(np.clip(angle, 0, np.pi / 2)) ** 2,
    ),
)


def replication(
    values: Sequence[float], printed: float, step: float, margin: float, level: float = 0.05
) -> dict[str, float | bool]:
    """Could the printed value be one more run of the experiment that gave `values`?

    Both are runs on the same data set, each with its own split and seed, so the printed value has
    the error of one run and their mean that of S. If it is one more of them, (mean - printed) /
    (s sqrt(1 + 1 / S)) has Student's t distribution with S - 1 degrees of freedom; s is the
    standard deviation between the runs, at least `step` (the least difference, one test image).
    Near 1 values are skewed, so the test is made on the scale of the values, which go from 0 to 1,
    and on that of the arcsine of their root, which evens out their variance.

    Returns replication_low and replication_high (the prediction interval at 1 - `level` for one
    more run, both scales' together), p_value (two-sided, the larger of the two), and equivalent:
    whether the interval at 1 - 2 `level` of the difference between the two experiments lies within
    `margin` (two one-sided tests). All NaN and False with one run.
    """
    values = np.asarray(values, dtype=np.float64)
    runs, mean = len(values), values.mean()
    if runs < 2 or np.isnan(mean + printed):
        nothing = dict.fromkeys(("replication_low", "replication_high", "p_value"), np.nan)
        return nothing | {"equivalent": False}
    lows, highs, p_values, errors = [], [], [], []
    for forth, back in SCALES:
        scaled = forth(values)
        least = abs(forth(mean) - forth(mean - step if mean > step else mean + step))
        error = max(scaled.std(ddof=1), least) * np.sqrt(1 + 1 / runs)
        errors.append(error)
        reach = t.ppf(1 - level / 2, runs - 1) * error
        lows.append(back(scaled.mean() - reach))
        highs.append(back(scaled.mean() + reach))
        p_values.append(2 * t.sf(abs(scaled.mean() - forth(printed)) / error, runs - 1))
    return {
        "replication_low": max(0.0, min(lows)),
        "replication_high": min(1.0, max(highs)),
        "p_value": float(max(p_values)),
        "equivalent": bool(abs(mean - printed) + t.ppf(1 - level, runs - 1) * errors[0] <= margin),
    }
