"""Phantom mammograms in the layout of Mini-DDSM."""

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from paper_code.datasets.mini_ddsm import FOLDERS, LABELS, SHEET
from paper_code.phantoms import mammography
from paper_code.phantoms.writing import Drawing, draw_all, save_image

FOLDER = FOLDERS[0]
STATUSES = {label: status for status, label in LABELS.items()}  # the folder of a class
VIEWS = tuple(itertools.product(("LEFT", "RIGHT"), ("CC", "MLO")))
SHOWN_IN_OTHER_BREAST = 0.6  # of benign and cancer cases, more than in the real set


class Plan(NamedTuple):
    """One image but for its pixels."""

    status: str
    case: str  # folder's name
    stem: str  # file's name without its suffix
    side: mammography.Side
    view: mammography.View
    patient: mammography.Patient
    lesion: mammography.Lesion | None
    rng: np.random.Generator


def write(tree: Path, counts: dict[str, dict[str, int]], drawing: Drawing) -> None:
    """Write `MINI-DDSM-Complete-JPEG-8/` with contour masks and `DataWMask.xlsx`.

    A case is one patient, with up to four views in one class. One breast of a benign or cancer
    case shows a lesion in both its views, the other breast another lesion of the same class with
    probability 0.6. A view without a lesion has no mask but keeps its case's class, as in the real
    set. `counts` is {"mini_ddsm": {class: images}}; the last case of each may be incomplete.
    Heights differ by 6 % between patients; widths are 0.5 to 0.7 of the height.
    """
    jobs = [
        (label, index) for label, number in counts["mini_ddsm"].items() for index in range(number)
    ]
    draw_all(_draw, jobs, "Mini-DDSM", tree / FOLDER, drawing)
    table = pd.DataFrame([_sheet_row(plan_image(job, drawing)) for job in jobs])
    table.to_excel(tree / FOLDER / SHEET, sheet_name="Data", index=False)


def plan_image(job: tuple[str, int], drawing: Drawing) -> Plan:
    """Everything about one image (class, number) but its pixels, from these and the seed alone."""
    label, index = job
    kind, (case, place) = list(STATUSES).index(label), divmod(index, len(VIEWS))
    side, view = VIEWS[place]

    def stream(number: int) -> np.random.Generator:
        return np.random.default_rng([drawing.seed, kind, case, number])

    shared = stream(len(VIEWS))
    patient = mammography.draw_patient(shared)
    scanner = shared.choice(list("ABCD"))
    affected = shared.choice(["LEFT", "RIGHT"])
    both = shared.random() < SHOWN_IN_OTHER_BREAST
    lesion = None
    if label != "normal" and (both or side == affected):
        own = stream(len(VIEWS) + 1 + (side == "RIGHT"))
        lesion = mammography.draw_lesion(own, label == "malignant", drawing.lesion_scale)
    name = str(9001 + len(STATUSES) * case + kind)  # above the real numbers
    stem = f"{scanner}_{name}_1.{side}_{view}"
    return Plan(STATUSES[label], name, stem, side, view, patient, lesion, stream(place))


def _draw(job: tuple[str, int], tree: Path, drawing: Drawing) -> None:
    plan = plan_image(job, drawing)
    height = round(drawing.height * plan.patient.film_height)
    seen = plan.side, plan.view, height, plan.rng, plan.lesion
    drawn = mammography.render_mammogram(plan.patient, *seen)
    folder = tree / plan.status / plan.case
    save_image(folder / f"{plan.stem}.jpg", drawn.image)
    if plan.lesion is not None:
        # At quality 100 the error is a few grey levels, so 128 restores the mask exactly.
        save_image(folder / f"{plan.stem}_Mask.jpg", drawn.lesion, quality=100)


def _sheet_row(plan: Plan) -> dict:
    path = f"{plan.status}\\{plan.case}\\{plan.stem}"
    return {
        "fullPath": f"{path}.jpg",
        "fileName": f"{plan.stem}.jpg",
        "View": plan.view,
        "Side": plan.side,
        "Status": plan.status,
        "Tumour_Contour": f"{path}_Mask.jpg" if plan.lesion is not None else "-",
        "Tumour_Contour2": "-",
        "Age": plan.patient.age,
        "Density": plan.patient.density,
    }
