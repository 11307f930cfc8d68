"""What the configuration says of stopping, and what of it can be no use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import Field

from edge.configuration.durations import LONGEST_S
from edge.configuration.schema import Closed, ElementName, Name

ErrorTarget = Annotated[float, Field(gt=0, lt=1)]
"""Root mean squared error of a map, relative to its 99.9th percentile."""


class StopConfig(Closed):
    """When a scan is over before its budget is spent; whichever comes first."""

    error: ErrorTarget | None = None
    """Of all elements together; None: whatever they reach."""
    elements: dict[ElementName, ErrorTarget] = Field(default={}, max_length=60)
    """Of single elements; all of them, and `error`, have to be met."""
    time_s: Annotated[float, Field(gt=0, le=LONGEST_S)] | None = None
    """From the first opening of the shutter on, travel and looks included, pauses not; None: not limited."""
    live_s: Annotated[float, Field(gt=0, le=LONGEST_S)] | None = None
    """Live time that the object receives in all; None: not limited."""

    dwell_test: Name | None = None
    """File of a dwell test of the object, by which an error below what counting leaves is known before the beam."""

    @property
    def has_error(self) -> bool:
        """Whether an error is to be reached."""
        return self.error is not None or bool(self.elements)


def is_named(element: str, name: str) -> bool:
    """Whether a name means an element of a map: ``Pb`` means ``Pb``, ``Pb-L`` and ``Pb-M``."""
    return element == name or element.partition("-")[0] == name


def unknown_among(names: Iterable[str], elements: Sequence[str]) -> str:
    """The first name that means none of the elements; empty where each means one."""
    return next((name for name in names if not any(is_named(element, name) for element in elements)), "")


def refuse_vain_error(
    stop: StopConfig, *, held_out: float, listens: bool, is_placement: bool, is_coarse: bool = False
) -> None:
    """An error can be aimed at only where it is known while the scan runs.

    Raises
    ------
    ValueError
        It is not; the text says what to change.
    """
    if not stop.has_error:
        return
    if is_placement:
        raise ValueError(
            "sampling.stop asks for an error, which a placement cannot tell, for the campaign chose its cells: leave "
            "it out"
        )
    if is_coarse:
        raise ValueError(
            "sampling.stop asks for an error, and sampling.coarse measures every block in travel order, its maps good "
            "for nothing before the end: leave the error out, or leave coarse out and have cells chosen while the scan "
            "runs"
        )
    if held_out == 0:
        raise ValueError(
            "sampling.stop asks for an error, and sampling.held_out of 0 leaves nothing to tell it by: give it 0.02, "
            "or leave the error out"
        )
    if not listens:
        raise ValueError(
            "sampling.stop asks for an error, and a mask that is known beforehand is measured in travel order, its "
            "maps good for nothing before the end: write mask: adaptive, or leave the error out"
        )


def refuse_unknown_names(names: Iterable[str], elements: Sequence[str], key: str) -> None:
    """Names of elements must be among those that are mapped, where these are known.

    Raises
    ------
    ValueError
        One is not; the text says which there are.
    """
    unknown = unknown_among(names, elements) if elements else ""
    if unknown:
        raise ValueError(
            f"{key} names {unknown}, which is not mapped: choose among {', '.join(elements)}, or add it to elements"
        )
