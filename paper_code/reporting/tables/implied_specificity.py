"""Table XI's specificity beside the one that Table VII implies, and the matrices behind both."""

import pandas as pd

from paper_code.audit.printed import OURS, Printed
from paper_code.audit.two_classes import implied_specificity


def rows() -> pd.DataFrame:
    """`two_classes.implied_specificity` of the printed tables."""
    return implied_specificity(Printed())


def facts(rows: pd.DataFrame) -> dict[str, float]:
    """The size and the direction of the difference."""
    own = rows["network"] == OURS
    gap = rows.loc[~own, "difference"]
    found = {"above": (gap > 0).sum(), "baselines": len(gap)}
    found |= {"least": gap.min(), "most": gap.max(), "median": gap.median()}
    return found | {"own": rows.loc[own, "difference"].abs().max()}
