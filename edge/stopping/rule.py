"""Whether a scan has what was asked for."""

from __future__ import annotations

from edge.console import duration_text
from edge.stopping.config import StopConfig, is_named
from edge.stopping.drawing import LEAST_LEFT
from edge.stopping.figure import ErrorFigure, Estimate


def reason_to_stop(stop: StopConfig, figure: ErrorFigure | None, *, running_s: float, live_s: float) -> str:
    """Why the scan is over, one sentence; empty where it goes on.

    An error counts as reached when the upper end of its estimate is below what is asked: looked at again and again, an
    estimate alone would be below by chance before the error is.

    Parameters
    ----------
    figure
        The latest; None: not known yet.
    running_s
        Since the shutter first opened, pauses left out.
    live_s
        That the object has received.
    """
    if stop.time_s is not None and running_s >= stop.time_s:
        return f"the time that was given, {duration_text(stop.time_s)}, is spent"
    if stop.live_s is not None and live_s >= stop.live_s:
        return f"the live time that was given, {duration_text(stop.live_s)}, is spent"
    if figure is None or figure.held_out < LEAST_LEFT:
        return ""
    told = targets_of(stop, figure)
    if not told or any(estimate.high >= target for _, target, estimate in told):
        return ""
    met = "; ".join(f"{name} {estimate.words}, asked for {target:g}" for name, target, estimate in told)
    return f"the error that was asked for is reached, told by {figure.held_out} exposures held out: {met}"


def targets_of(stop: StopConfig, figure: ErrorFigure) -> list[tuple[str, float, Estimate]]:
    """What is asked of which maps, with what they have; an element that is not mapped keeps the scan from stopping."""
    told = [] if stop.error is None else [("all elements", stop.error, figure.overall)]
    for name, target in stop.elements.items():
        meant = [(element, target, one) for element, one in figure.elements if is_named(element, name)]
        told += meant or [(name, target, _NEVER)]
    return told


_NEVER = Estimate(1.0, 1.0, float("inf"), 0.0)


def below_floor(stop: StopConfig, figure: ErrorFigure) -> str:
    """A sentence about a target that is below what counting alone leaves; empty where none is."""
    below = [(name, target, one.floor) for name, target, one in targets_of(stop, figure) if target < one.floor]
    if not below:
        return ""
    said = ", ".join(f"{target:g} for {name}, where it leaves {floor:.3g}" for name, target, floor in below)
    return (
        f"an error is asked for that is below what counting alone leaves at this dwell with every cell measured: {said}"
        "; only what neighbours and the photograph tell can get there, and the scan may go on to its budget: a longer "
        "dwell lowers the floor"
    )


def not_mapped(stop: StopConfig, figure: ErrorFigure) -> str:
    """A sentence about a target of an element that has no map; empty where each has one."""
    elements = [element for element, _ in figure.elements]
    missing = [name for name in stop.elements if not any(is_named(element, name) for element in elements)]
    if not missing:
        return ""
    return (
        f"an error is asked for {', '.join(missing)}, which the spectra do not show: there are maps of "
        f"{', '.join(elements)}; the scan goes on to its budget"
    )
