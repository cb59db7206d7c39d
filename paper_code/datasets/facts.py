"""What is to be known about a data set; each set's own file begins with its facts."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Dataset:
    """One data set.

    Attributes:
        name: its name everywhere in this repository.
        family: the published archive that holds it; one reader and one phantom writer per family.
        classes: label names in the order of their class index; the last one is malignant.
        counts: images per class, as used by the paper (Tables III-V) or else as published; empty
            for a manifest.
        colour: "rgb" for stained tissue, "grey" for mammograms, "any" for a user's own set.
        magnification: of a BreakHis subset, else None.
        manifest: the `manifest.csv` or folder of class folders of a user's own set, else None.
        group_pattern: of the patient in class folders, see `manifest.read_folders`.
        credit: whose images they are and under which licence; stands below pictures of them.
        paper: whether the paper uses it. Results about the paper leave all others out.
    """

    name: str
    family: str
    classes: tuple[str, ...]
    counts: dict[str, int] = field(default_factory=dict)
    colour: str = "any"
    magnification: int | None = None
    manifest: str | None = None
    group_pattern: str | None = None
    credit: str = ""
    paper: bool = False

    @property
    def total(self) -> int:
        """Images in all classes; 0 where that is not known."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class Source:
    """Where a data set is published.

    Attributes:
        title, licence, citation: told to whoever fetches it.
        folder: what unpacking gives, below `data_root`.
        archive: file name of the archive.
        url: of the archive; None where it cannot be fetched unattended.
        checksum: as published, "md5:..."; None where none is. Then gzip's own check sum and the
            reader's counts verify the archive.
        most_bytes: no true copy unpacks to more; a larger one is refused.
    """

    title: str
    licence: str
    citation: str
    folder: str
    archive: str
    url: str | None
    checksum: str | None
    most_bytes: int
