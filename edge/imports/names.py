"""Names of elements from names of files and images."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile

from edge.record.maps_file import RECEIVED

_LINE = re.compile(r"(?:^|[^A-Za-z])([A-Z][a-z]?)[-_ ]?([KLM])(?:[-_ ]?(?:a|b|alpha|beta|α|β)\d?)?(?=$|[^A-Za-z])")
MEASURED, SCANNED = "measured", "scanned"
"""Masks that lie beside the maps of a sparse scan, as our exports name them."""
_OTHERS = (
    MEASURED,
    SCANNED,
    "averaged",
    "has_spectrum",
    "planned",
    "held_out",
    "exposures",
    "live_time",
    "rgb",
    *RECEIVED,
)
_NO_MAPS = re.compile(
    r"error|sigma|uncertaint|mask|chisq|fit_integral|data_integral|num_free|nfree|visible|hidden|photograph"
    rf"|(?:^|_)s$|^s\(|^(?:{'|'.join(_OTHERS)})$",
    re.IGNORECASE,
)
"""Names of images that are kept beside maps and are none: errors, masks, doses, and what explains them."""
_EDGES = " -_.()[]"


def element_names(names: Sequence[str]) -> tuple[str, ...]:
    """Short names, each once: a line group where every name holds one, else what differs between them.

    >>> element_names(["scan_Fe-K", "scan_Pb-L"])
    ('Fe-K', 'Pb-L')
    """
    found = [_LINE.search(name) for name in names]
    if all(found):
        lines = tuple(f"{one.group(1)}-{one.group(2)}" for one in found if one is not None)
        if len(set(lines)) == len(lines):
            return lines
    before = min([len(_common_beginning(names)), *(one.start(1) for one in found if one is not None)])
    behind = len(_common_beginning([name[::-1] for name in names]))
    short = [name[before : len(name) - behind].strip(_EDGES) for name in names]
    usable = all(short) and len(set(short)) == len(short)
    return tuple(short if usable else (f"{name} {number}" for number, name in enumerate(names, 1)))


def is_map(name: str) -> bool:
    """Whether an image of that name may be an element's map, as PyMca and we name what lies beside maps."""
    return _NO_MAPS.search(name) is None


def natural_order(name: str) -> tuple[str | int, ...]:
    """A key that sorts numbers within names as numbers.

    >>> sorted(["row_10", "row_9", "row_1"], key=natural_order)
    ['row_1', 'row_9', 'row_10']
    """
    parts = re.split(r"([0-9]+)", name)
    return tuple(int(part) if at % 2 else part for at, part in enumerate(parts))


def _common_beginning(names: Sequence[str]) -> str:
    """What all names begin with, no more of it than whole words; nothing of a single name."""
    if len(names) < 2:
        return ""
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    common = "".join(letters[0] for letters in alike)
    while common and common[-1] not in _EDGES:
        common = common[:-1]
    return common
