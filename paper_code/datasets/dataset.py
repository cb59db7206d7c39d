"""What is to be known about a data set; each set's own file begins with its facts."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Dataset:
    """One data set.

    `family` is the published archive that holds it; there is one reader and one phantom writer for
    each. `classes` are in the order of their index, the last one malignant. `counts` are images per
    class, as used by the paper (Tables III-V) or else as published. Only a user's own set has a
    `manifest` (or folder of class folders) and a `group_pattern` (see `manifest.read_folders`).
    """

    name: str
    family: str
    classes: tuple[str, ...]
    counts: dict[str, int] = field(default_factory=dict)
    colour: str = "any"  # "rgb" for stained tissue, "grey" for mammograms
    magnification: int | None = None
    manifest: str | None = None
    group_pattern: str | None = None
    credit: str = ""  # whose images they are; stands below pictures of them
    paper: bool = False  # results about the paper leave all others out

    @property
    def total(self) -> int:
        """Images in all classes; 0 where that is not known."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class Source:
    """Where a data set is published; title, licence and citation are told to whoever fetches it."""

    title: str
    licence: str
    citation: str
    folder: str  # what unpacking gives, below `data_root`
    archive: str  # its file name
    url: str | None  # None where it cannot be fetched unattended
    # As published, "md5:..."; without one, gzip's own and the reader's counts verify the archive.
    checksum: str | None
    most_bytes: int  # no true copy unpacks to more; a larger one is refused
