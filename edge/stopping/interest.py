"""How much each element counts, by the operator's word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from edge.stopping.config import is_named


def interest_in(interest: Mapping[str, float], elements: Sequence[str]) -> NDArray[np.float32] | None:
    """Weights of a scan's elements, shape (elements,); None where all count the same.

    Those not named count 1; of several names that mean an element (``Pb`` and ``Pb-L``), the one that is its own holds.
    """
    if not interest:
        return None
    weights = [_weight_of(element, interest) for element in elements]
    # of nothing that is mapped, nothing can be preferred
    return np.array(weights, np.float32) if any(weights) else None


def ignored_elements(interest: Mapping[str, float], elements: Sequence[str]) -> tuple[str, ...]:
    """Those that count nothing."""
    return tuple(element for element in elements if _weight_of(element, interest) == 0)


def not_seen(interest: Mapping[str, float], elements: Sequence[str]) -> str:
    """A sentence about elements of interest that have no map; empty where each has one."""
    missing = [name for name, weight in interest.items() if weight and not any(is_named(e, name) for e in elements)]
    if not missing:
        return ""
    return f"Of interest, and not seen in the spectra: {', '.join(missing)}; there are maps of {', '.join(elements)}"


def _weight_of(element: str, interest: Mapping[str, float]) -> float:
    if element in interest:
        return interest[element]
    return next((weight for name, weight in interest.items() if is_named(element, name)), 1.0)
