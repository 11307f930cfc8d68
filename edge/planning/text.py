"""A plan as text: canonical JSON, one exposure and one mask row a line, sealed by its digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edge.faults import IntegrityError, UsageError
from edge.grid import ScanGrid
from edge.motion.kinematics import StageModel
from edge.planning.exposures import exposure_lines, read_exposures
from edge.planning.scan_plan import ScanPlan, Way, frozen_table
from models.sampling import SamplingMask

FORMAT = "pointillist-plan"
VERSION = 1
MAX_CELLS = 20_000_000
"""Most cells, and most exposures, that a plan may declare."""
_REMEDY = "take the plan from the scan's own folder, or make it anew"

_EXPOSURES = '"exposures": [\n'
_END = "\n]\n}\n"
_LONGEST_BY_HAND = 256 * 1024
"""Longest text that may be laid out in any way, in letters."""
_MOST_VALUES = 500_000
"""Most values that a longer one may hold beside its exposures: rows of the mask, and cells held out."""
_MOST_KEYS = 1_000

_Number = Annotated[float, Field(allow_inf_nan=False)]
_AtLeastZero = Annotated[float, Field(allow_inf_nan=False, ge=0)]
_AboveZero = Annotated[float, Field(allow_inf_nan=False, gt=0)]
_Text = Annotated[str, Field(max_length=500)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Grid(_Closed):
    origin_x_mm: _Number
    origin_y_mm: _Number
    pitch_mm: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    rows: Annotated[int, Field(ge=1, le=MAX_CELLS)]
    columns: Annotated[int, Field(ge=1, le=MAX_CELLS)]

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.rows * self.columns > MAX_CELLS:
            raise ValueError(f"{self.rows} x {self.columns} is more than {MAX_CELLS} cells")
        return self


class _Stage(_Closed):
    """A model's figures under its own names; all but the first four are left out where a stage has the default."""

    speed_mm_s: _AboveZero
    acceleration_mm_s2: _AboveZero
    settle_s: _AtLeastZero
    overhead_s: _AtLeastZero
    axis_speeds_mm_s: tuple[_AboveZero, _AboveZero] | None = None
    axis_accelerations_mm_s2: tuple[_AboveZero, _AboveZero] | None = None
    jerk_mm_s3: _AboveZero | None = None
    run_overhead_s: _AtLeastZero | None = None
    lead_s: _AtLeastZero | None = None
    margin_mm: _AtLeastZero | None = None
    dwell_step_s: _AtLeastZero | None = None
    readout_s: _AtLeastZero | None = None
    shortest_stroke_s: _AtLeastZero | None = None
    shutter_s: _AtLeastZero | None = None
    stroke_factor: _AboveZero | None = None
    most_run_cells: Annotated[int, Field(ge=1)] | None = None
    longest_run_s: _AboveZero | None = None
    are_ramps_measured: bool | None = None
    origin: _Text | None = None


class _Way(_Closed):
    mode: _Text
    budget_s: _AboveZero


class _Mask(_Closed):
    origin: _Text
    binariser: _Text
    seed: Annotated[int, Field(ge=0)]
    rate: Annotated[float, Field(ge=0, le=1)]
    rows: Annotated[list[str], Field(max_length=MAX_CELLS, fail_fast=True)]
    """Hexadecimal, eight cells a byte, column 0 in the highest bit."""


class _Plan(_Closed):
    format: Literal["pointillist-plan"]
    version: Literal[1]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    registration_digest: _Text
    predicted_s: _AtLeastZero
    travel_mm: _AtLeastZero
    beam_s: _AtLeastZero
    longest_move_s: _AtLeastZero
    stage: _Stage | None = None
    way: _Way | None = None
    grid: _Grid
    mask: _Mask
    held_out: (
        Annotated[list[Annotated[int, Field(ge=0, lt=MAX_CELLS)]], Field(max_length=MAX_CELLS, fail_fast=True)] | None
    ) = None
    """Row-major indices of cells, ascending; absent where there are none."""
    exposures: Annotated[list[Annotated[list[_Number], Field(min_length=3, max_length=5)]], Field(fail_fast=True)]
    """A dwell is x, y, live time; a stroke is start x, start y, end x, end y, live time."""


def sealed(plan: ScanPlan) -> ScanPlan:
    """The plan with its digest."""
    digest = hashlib.sha256()
    for piece in _pieces(plan, ""):
        digest.update(piece.encode())
    return replace(plan, digest=digest.hexdigest())


def plan_to_json(plan: ScanPlan) -> str:
    """Canonical text of a plan: equal plans give equal text."""
    return "".join(_pieces(plan, plan.digest))


def plan_from_json(text: str) -> ScanPlan:
    """Read a plan back and verify its digest.

    Raises
    ------
    IntegrityError
        The text is no plan, is too new, declares a shape that is out of bounds or at odds with its mask, or was
        changed since it was written.
    """
    read, table = _parsed(text)
    plan = sealed(
        ScanPlan(
            grid=ScanGrid(**dict(read.grid)),
            table=frozen_table(table),
            mask=_mask_of(read.mask, (read.grid.rows, read.grid.columns)),
            registration_digest=read.registration_digest,
            predicted_s=read.predicted_s,
            travel_mm=read.travel_mm,
            beam_s=read.beam_s,
            longest_move_s=read.longest_move_s,
            digest="",
            stage=None if read.stage is None else _stage_of(read.stage),
            way=None if read.way is None else Way(**dict(read.way)),
            held_out=None
            if read.held_out is None
            else _held_out_of(read.held_out, (read.grid.rows, read.grid.columns)),
        )
    )
    if plan.digest != read.digest:
        raise IntegrityError(f"the plan was changed since it was written (its digest does not match): {_REMEDY}")
    return plan


def _parsed(text: str) -> tuple[_Plan, NDArray[np.float64]]:
    """What a text says, and its exposures; of a long one, which only the program can have written, line by line."""
    head, lines = text, ""
    if len(text) > _LONGEST_BY_HAND:
        head, marker, lines = text.rpartition(_EXPOSURES)
        if not marker or not lines.endswith(_END) or not _is_plain(head):
            raise IntegrityError(f"the plan cannot be read (it is long, and not as the program writes it): {_REMEDY}")
        head, lines = f"{head}{_EXPOSURES}{_END.lstrip()}", lines.removesuffix(_END)
    try:
        read = _Plan.model_validate_json(head)
    except ValidationError as error:
        raise IntegrityError(_why_not(head, error)) from None
    if not lines:
        return read, _table_of(read.exposures)
    try:
        return read, read_exposures(lines, at_most=MAX_CELLS)
    except ValueError as error:
        raise IntegrityError(f"the plan cannot be read ({error}): {_REMEDY}") from None


def _is_plain(head: str) -> bool:
    """Whether what stands before the exposures holds no more than it can: each value takes many times its letters."""
    return head.count(":") <= _MOST_KEYS and sum(head.count(letter) for letter in ",[{") <= _MOST_VALUES


def _why_not(text: str, error: ValidationError) -> str:
    """What is wrong with a text that is no plan."""
    with suppress(ValueError, RecursionError):
        read = json.loads(text)
        if not isinstance(read, dict) or read.get("format") != FORMAT:
            return f"this is no plan of a scan, whatever else it is: {_REMEDY}"
        if isinstance(read.get("version"), int) and read["version"] > VERSION:
            return (
                f"the plan is of version {read['version']}, this program reads up to {VERSION}: "
                "update the program, or make it anew"
            )
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "the text"
    return f"the plan cannot be read ({place}: {first['msg'].lower()}): {_REMEDY}"


def _pieces(plan: ScanPlan, digest: str) -> Iterator[str]:
    """The canonical text, in pieces."""
    head: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "digest": digest,
        "registration_digest": plan.registration_digest,
        "predicted_s": float(plan.predicted_s),
        "travel_mm": float(plan.travel_mm),
        "beam_s": float(plan.beam_s),
        "longest_move_s": float(plan.longest_move_s),
        "grid": {
            "origin_x_mm": float(plan.grid.origin_x_mm),
            "origin_y_mm": float(plan.grid.origin_y_mm),
            "pitch_mm": float(plan.grid.pitch_mm),
            "rows": plan.grid.rows,
            "columns": plan.grid.columns,
        },
    }
    if plan.stage is not None:
        head["stage"] = _stage_text(plan.stage)
    if plan.way is not None:
        head["way"] = {"mode": plan.way.mode, "budget_s": float(plan.way.budget_s)}
    if plan.held_out is not None:
        head["held_out"] = np.flatnonzero(plan.held_out).tolist()
    mask = {name: getattr(plan.mask, name) for name in ("origin", "binariser", "seed", "rate")}
    fields = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in head.items())
    packed = np.packbits(plan.mask.cells, axis=1)
    rows = ",\n".join(f'"{row.tobytes().hex()}"' for row in packed)
    yield f'{{\n{fields},\n"mask": {json.dumps(mask)[:-1]}, "rows": [\n{rows}\n]}},\n{_EXPOSURES}'
    for i, lines in enumerate(exposure_lines(plan.table)):
        yield f",\n{lines}" if i else lines
    yield _END


def _stage_text(stage: StageModel) -> dict[str, Any]:
    """Figures of a stage: the first four always, the others where they differ from what a stage has by default."""
    plain = StageModel(1.0, 1.0)
    always = ("speed_mm_s", "acceleration_mm_s2", "settle_s", "overhead_s")
    text: dict[str, Any] = {name: float(getattr(stage, name)) for name in always}
    further = (name for name in _Stage.model_fields if name not in always)
    return text | {name: getattr(stage, name) for name in further if getattr(stage, name) != getattr(plain, name)}


def _stage_of(stage: _Stage) -> StageModel:
    try:
        return StageModel(**stage.model_dump(exclude_none=True))
    except UsageError as error:
        raise IntegrityError(f"the plan cannot be read ({error}): {_REMEDY}") from None


def _table_of(exposures: list[list[float]]) -> NDArray[np.float64]:
    rows = [line if len(line) == 5 else [*line[:2], *line] for line in exposures]
    if any(len(row) != 5 for row in rows):
        raise IntegrityError(f"the plan holds an exposure of four numbers, neither dwell nor stroke: {_REMEDY}")
    return np.array(rows, np.float64).reshape(-1, 5)


def _held_out_of(places: list[int], shape: tuple[int, int]) -> NDArray[np.bool_]:
    if any(place >= shape[0] * shape[1] for place in places):
        raise IntegrityError(f"the plan holds out a cell beyond the grid's {shape[0]} x {shape[1]}: {_REMEDY}")
    cells = np.zeros(shape, np.bool_)
    cells.ravel()[places] = True
    cells.flags.writeable = False
    return cells


def _mask_of(mask: _Mask, shape: tuple[int, int]) -> SamplingMask:
    width = -(-shape[1] // 8)
    if len(mask.rows) != shape[0] or any(len(row) != 2 * width for row in mask.rows):
        raise IntegrityError(f"the plan's mask does not have the grid's {shape[0]} x {shape[1]} cells: {_REMEDY}")
    try:
        packed = np.frombuffer(bytes.fromhex("".join(mask.rows)), np.uint8)
    except ValueError:
        raise IntegrityError(f"the plan's mask is not hexadecimal: {_REMEDY}") from None
    if packed.size != shape[0] * width:
        raise IntegrityError(f"the plan's mask is not hexadecimal: {_REMEDY}")
    cells: NDArray[np.bool_] = np.unpackbits(packed.reshape(shape[0], width), axis=1, count=shape[1]).astype(np.bool_)
    cells.flags.writeable = False
    return SamplingMask(cells, mask.rate, mask.origin, mask.binariser, mask.seed)
