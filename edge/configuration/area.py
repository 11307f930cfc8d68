"""What of the object is scanned, as configurations say it: a rectangle, a polygon within, what to keep out of."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from edge.configuration.outline import distance_mm, encloses, why_no_outline
from edge.configuration.schema import Closed, Millimetres, Name, PositiveMillimetres

_MOST_CELLS = 20e6
_MOST_CELLS_A_SIDE = 30_000
_MOST_CORNERS = 400
_MOST_KEEP_OUTS = 100
_ROUNDING_MM = 1e-6
_BEAM_REACH = 1.0
"""Of its full width at half maximum, how far from its middle a beam counts: a Gaussian one has 94 % of its photons
within."""

CornerConfig = Annotated[list[Millimetres], Field(min_length=2, max_length=2)]
"""x, y in stage mm."""


class KeepOutConfig(Closed):
    """Something that the beam must not touch."""

    name: Name
    """What it is, for sentences: ``seal``."""
    polygon: Annotated[list[CornerConfig], Field(max_length=_MOST_CORNERS)]
    """Corners in order, x, y in stage mm; it closes by itself and must not cross itself."""

    @model_validator(mode="after")
    def _is_simple(self) -> Self:
        if reason := why_no_outline(corners_of(self.polygon)):
            raise ValueError(f"keep-out {self.name!r}: {reason}")
        return self


class OutlinedConfig(Closed):
    """A rectangle of cells, and a polygon within it to which they are cut."""

    x_mm: Millimetres
    y_mm: Millimetres
    width_mm: PositiveMillimetres
    height_mm: PositiveMillimetres
    pitch_mm: Annotated[float, Field(gt=0.005, le=50)]
    polygon: Annotated[list[CornerConfig], Field(max_length=_MOST_CORNERS)] | None = None
    """Corners, within the rectangle: only cells whose centre lies in it are scanned; None: the whole rectangle."""

    @model_validator(mode="after")
    def _not_too_many_cells(self) -> Self:
        if self.width_mm < self.pitch_mm or self.height_mm < self.pitch_mm:
            raise ValueError("the area is smaller than one cell: enlarge it or reduce pitch_mm")
        if self.width_mm * self.height_mm / self.pitch_mm**2 > _MOST_CELLS:
            raise ValueError("more than 20 million cells: enlarge pitch_mm or reduce the area")
        if max(self.width_mm, self.height_mm) / self.pitch_mm > _MOST_CELLS_A_SIDE:
            raise ValueError("more than 30,000 cells on a side: enlarge pitch_mm or split the area")
        return self

    @model_validator(mode="after")
    def _polygon_lies_within(self) -> Self:
        if self.polygon is None:
            return self
        if reason := why_no_outline(corners_of(self.polygon)):
            raise ValueError(f"area.polygon: {reason}")
        right_mm, far_mm = self.x_mm + self.width_mm, self.y_mm + self.height_mm
        for i, (x_mm, y_mm) in enumerate(corners_of(self.polygon), 1):
            beside_mm = max(self.x_mm - x_mm, x_mm - right_mm, self.y_mm - y_mm, y_mm - far_mm)
            if beside_mm > _ROUNDING_MM:
                raise ValueError(
                    f"area.polygon: corner {i}, ({x_mm:g}, {y_mm:g}) mm, lies outside the rectangle x {self.x_mm:g} to "
                    f"{right_mm:g}, y {self.y_mm:g} to {far_mm:g} mm: enlarge the rectangle, or move the corner"
                )
        return self


class AreaConfig(OutlinedConfig):
    """The area to scan, in stage millimetres, and what of it is left out."""

    keep_out: list[KeepOutConfig] = Field(default=[], max_length=_MOST_KEEP_OUTS)
    """What the beam must not touch, whether it counts or moves."""

    @model_validator(mode="after")
    def _keep_outs_differ(self) -> Self:
        names = [each.name for each in self.keep_out]
        if len(set(names)) != len(names):
            raise ValueError("two keep-outs share a name: give each its own")
        return self

    @property
    def is_whole(self) -> bool:
        """Whether every cell of the rectangle may be visited."""
        return self.polygon is None and not self.keep_out


def beam_reach_mm(area: OutlinedConfig, fwhm_mm: float | None) -> float:
    """How far from its middle the beam counts; where its full width at half maximum is not stated, half a cell."""
    return area.pitch_mm / 2 if fwhm_mm is None else _BEAM_REACH * fwhm_mm


def require_free(area: AreaConfig, x_mm: float, y_mm: float, *, reach_mm: float) -> None:
    """Refuse a standard from which the beam reaches into a keep-out: it is to go there, and must not.

    Parameters
    ----------
    reach_mm
        The beam's.

    Raises
    ------
    ValueError
        Names the keep-out.
    """
    for each in area.keep_out:
        corners = corners_of(each.polygon)
        away_mm = 0.0 if encloses(corners, x_mm, y_mm) else distance_mm(corners, x_mm, y_mm)
        if away_mm < reach_mm:
            where = f"{away_mm:.3g} mm from the keep-out" if away_mm > 0 else "in the keep-out"
            raise ValueError(
                f"instrument.standard, ({x_mm:g}, {y_mm:g}) mm, lies {where} {each.name!r}, which the beam there, "
                f"reaching {reach_mm:.3g} mm, would touch: place it elsewhere, or draw the keep-out smaller"
            )


def corners_of(polygon: list[list[float]]) -> list[tuple[float, float]]:
    """The corners of a configured polygon as pairs (x, y) in mm."""
    return [(corner[0], corner[1]) for corner in polygon]


def require_reach(area: AreaConfig, run_out_mm: float) -> None:
    """Refuse a keep-out to which the beam never comes: its corners are mistyped, or of another frame.

    Parameters
    ----------
    run_out_mm
        How far beyond the rectangle the stage runs up and out at its full speed.

    Raises
    ------
    ValueError
        A keep-out lies beyond; names it.
    """
    for each in area.keep_out:
        xs, ys = zip(*corners_of(each.polygon), strict=True)
        beside_mm = max(
            area.x_mm - max(xs),
            min(xs) - area.x_mm - area.width_mm,
            area.y_mm - max(ys),
            min(ys) - area.y_mm - area.height_mm,
        )
        if beside_mm > run_out_mm:
            raise ValueError(
                f"keep-out {each.name!r} lies {beside_mm:.3g} mm outside the area, where the beam never comes: give "
                "its corners in stage mm, or leave it out"
            )
