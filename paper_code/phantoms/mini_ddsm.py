"""Phantom mammograms in the layout of Mini-DDSM."""

import functools
import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from paper_code.errors import UserError
from paper_code.phantoms.mammography import (
    Lesion,
    Patient,
    Side,
    View,
    draw_lesion,
    draw_patient,
    render_mammogram,
)
from paper_code.phantoms.writing import new_tree, run_jobs, save_image

FOLDER = "MINI-DDSM-Complete-JPEG-8"
SHEET = "DataWMask.xlsx"
STATUSES = ("Normal", "Benign", "Cancer")
VIEWS: tuple[tuple[Side, View], ...] = (
    ("LEFT", "CC"),
    ("LEFT", "MLO"),
    ("RIGHT", "CC"),
    ("RIGHT", "MLO"),
)
SHOWN_IN_OTHER_BREAST = 0.6  # of benign and cancer cases, more than in the real set


class _View(NamedTuple):
    """One image but for its pixels."""

    case: str  # folder's name
    stem: str  # file's name without its suffix
    side: Side
    view: View
    patient: Patient
    lesion: Lesion | None
    rng: np.random.Generator


def write_mini_ddsm(
    root: str | Path,
    counts: dict[str, int],
    seed: int,
    *,
    height: int = 832,
    lesion_scale: float = 1.0,
    workers: int = 1,
) -> None:
    """Write `MINI-DDSM-Complete-JPEG-8/` with contour masks and `DataWMask.xlsx` below `root`.

    A case is one patient, with up to four views in one class. One breast of a benign or cancer
    case shows a lesion in both its views, the other breast another lesion of the same class with
    probability 0.6. A view without a lesion has no mask but keeps its case's class, as in the
    real set.

    Args:
        root: folder to write into; an older phantom there is replaced.
        counts: images of "Normal", "Benign" and "Cancer"; the last case of each may be incomplete.
        seed: decides every image. Neither `workers` nor `counts` change an image.
        height: px, give or take 6 % between patients; widths are 0.5 to 0.7 of it.
        lesion_scale: multiplies the lesions' size, and the contrast of malignant ones.
        workers: processes that draw.

    Raises:
        UserError: unknown class, nothing to draw, a height below 32 px, or the real data set
            stands where the phantom should go.
    """
    if (
        set(counts) - set(STATUSES)
        or min(counts.values(), default=0) < 0
        or not sum(counts.values())
    ):
        raise UserError(f"Mini-DDSM phantom: counts {counts} must be of {', '.join(STATUSES)}.")
    if height < 32:
        raise UserError(f"Mini-DDSM phantom: height {height} px is too small; use 32 or more.")
    jobs = [(status, index) for status, number in counts.items() for index in range(number)]
    with new_tree(Path(root) / FOLDER) as tree:
        plan = functools.partial(_plan, seed=seed, lesion_scale=lesion_scale)
        work = functools.partial(_draw, tree=str(tree), plan=plan, height=height)
        run_jobs(work, jobs, "Mini-DDSM phantom", workers)
        _write_sheet(tree / SHEET, pd.DataFrame([_sheet_row(job, plan(job)) for job in jobs]))


def _plan(job: tuple[str, int], *, seed: int, lesion_scale: float) -> _View:
    """Everything about one image but its pixels, from the seed and its place alone."""
    status, index = job
    kind, (case, place) = STATUSES.index(status), divmod(index, len(VIEWS))
    side, view = VIEWS[place]

    def stream(number: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(kind, case, number)))

    shared = stream(len(VIEWS))
    patient = draw_patient(shared)
    scanner = shared.choice(list("ABCD"))
    affected = shared.choice(["LEFT", "RIGHT"])
    both = shared.random() < SHOWN_IN_OTHER_BREAST
    lesion = None
    if status != "Normal" and (both or side == affected):
        own = stream(len(VIEWS) + 1 + (side == "RIGHT"))
        lesion = draw_lesion(own, status == "Cancer", lesion_scale)
    name = str(9001 + len(STATUSES) * case + kind)  # above the real numbers
    stem = f"{scanner}_{name}_1.{side}_{view}"
    return _View(name, stem, side, view, patient, lesion, stream(place))


def _draw(
    job: tuple[str, int], *, tree: str, plan: Callable[[tuple[str, int]], _View], height: int
) -> None:
    plan = plan(job)
    drawn = render_mammogram(
        plan.patient,
        plan.side,
        plan.view,
        round(height * plan.patient.film_height),
        plan.rng,
        plan.lesion,
    )
    folder = Path(tree, job[0], plan.case)
    save_image(folder / f"{plan.stem}.jpg", drawn.image, quality=95)
    if plan.lesion is not None:
        # At quality 100 the error is a few grey levels, so 128 restores the mask exactly.
        save_image(folder / f"{plan.stem}_Mask.jpg", drawn.lesion, quality=100)


def _sheet_row(job: tuple[str, int], plan: _View) -> dict:
    path = f"{job[0]}\\{plan.case}\\{plan.stem}"
    return {
        "fullPath": f"{path}.jpg",
        "fileName": f"{plan.stem}.jpg",
        "View": plan.view,
        "Side": plan.side,
        "Status": job[0],
        "Tumour_Contour": f"{path}_Mask.jpg" if plan.lesion is not None else "-",
        "Tumour_Contour2": "-",
        "Age": plan.patient.age,
        "Density": plan.patient.density,
    }


def _write_sheet(path: Path, table: pd.DataFrame) -> None:
    """Write the sheet `Data` without the clock in it, so that one seed gives one file."""
    buffer = io.BytesIO()
    table.to_excel(buffer, sheet_name="Data", index=False, engine="openpyxl")
    with zipfile.ZipFile(buffer) as dated, zipfile.ZipFile(path, "w") as sheet:
        for name in dated.namelist():
            content = dated.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT[\d:.]+Z", b"2000-01-01T00:00:00Z", content)
            sheet.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
