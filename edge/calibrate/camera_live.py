"""Views of a board from a camera that runs: captured, judged, and the operator told what to show next."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from calibration.board_detection import BoardView
from calibration.board_diagnosis import NoBoard, find_board
from calibration.board_sharpness import edge_rise_px
from calibration.boards import Board
from calibration.camera_coverage import coverage
from calibration.camera_fit import CameraFit, fit_camera
from calibration.camera_guide import SharpView, coverage_map, is_covered, is_enough, next_to_do, why_useless
from edge.cameras import Camera, Frame
from edge.faults import DeviceError, UsageError

PAUSE_S = 0.5
_MOST_VIEWS = 40
_FITTED_EVERY = 2
_PATIENCE = 240
"""Pictures in a row without a new view, after which nobody is thought to be there."""
_LEAST_KEPT = 5
"""Views without which a calibration is not begun when the capture ends early."""
_MOST_MISSED = 3
"""Pictures in a row that the camera may fail to give once views are there."""


@dataclass(slots=True)
class _Session:
    board: Board
    say: Callable[[str], None]
    accepted: list[SharpView] = field(default_factory=list)
    identity: str = ""
    fruitless: int = 0
    missed: int = 0
    _last_said: str = ""

    def tell(self, text: str) -> None:
        """Say it once, not at every picture."""
        if text != self._last_said:
            self.say(text)
            self._last_said = text

    def ask(self, camera: Camera) -> Frame | None:
        """The camera's next picture; None where it fails to give one, and may be asked again."""
        try:
            frame = camera.capture()
        except DeviceError as error:
            self.missed += 1
            if not self.accepted or self.missed == _MOST_MISSED:
                raise
            self.tell(f"no picture came, asking again: {error}")
            return None
        self.missed = 0
        return frame

    def take(self, frame: Frame) -> bool:
        """Judge a picture; whether it was accepted."""
        view = find_board(frame.image, self.board)
        if isinstance(view, NoBoard):
            self.tell(view.reason)
            return False
        self._require_same_camera(frame, view)
        shown = SharpView(view, edge_rise_px(frame.image, self.board, view))
        useless = why_useless(shown, self.accepted, self.board)
        if useless is not None:
            self.tell(f"not taken, {useless}")
            return False
        self.accepted.append(shown)
        self.identity = frame.identity
        return True

    def _require_same_camera(self, frame: Frame, view: BoardView) -> None:
        if not self.accepted:
            return
        first = self.accepted[0].view
        before, now = (first.width_px, first.height_px), (view.width_px, view.height_px)
        if before != now:
            raise DeviceError(
                f"the camera changed its pictures from {before[0]} x {before[1]} to {now[0]} x {now[1]} pixels: set it "
                "to one size and begin again"
            )
        if frame.identity != self.identity:
            raise DeviceError(f"the camera changed from {self.identity} to {frame.identity}: leave one, begin again")


def capture_views(
    camera: Camera, board: Board, *, say: Callable[[str], None], sleep: Callable[[float], None] = time.sleep
) -> tuple[list[BoardView], str]:
    """Ask the camera for pictures until the views are enough; gives them and the camera's identity.

    Each new view is followed by the field covered so far and the next thing to do. Ctrl-C, and a camera that gives no
    picture three times in a row, end the capture early where there are five views or more.

    Raises
    ------
    DeviceError
        The camera gives no picture, or changes while it is used.
    UsageError
        Nobody shows the board.
    """
    session = _Session(board, say)
    say(f"{next_to_do([], board)} (Ctrl-C when done)")
    try:
        while len(session.accepted) < _MOST_VIEWS:
            frame = session.ask(camera)
            if frame is None or not session.take(frame):
                session.fruitless += 1
                if session.fruitless == _PATIENCE:
                    raise UsageError(f"{_PATIENCE} pictures without a new view: show the board, then begin again")
                sleep(PAUSE_S)
                continue
            session.fruitless = 0
            if _report(session):
                break
            sleep(PAUSE_S)
    except KeyboardInterrupt:
        if len(session.accepted) < _LEAST_KEPT:
            raise
        say(f"stopped with {len(session.accepted)} views")
    except DeviceError as error:
        if session.missed < _MOST_MISSED or len(session.accepted) < _LEAST_KEPT:
            raise
        say(f"stopped with {len(session.accepted)} views, as the camera is lost: {error}")
    return [one.view for one in session.accepted], session.identity


def _report(session: _Session) -> bool:
    """Say what the views cover and lack; whether they are enough."""
    accepted, board = session.accepted, session.board
    share = coverage([one.view for one in accepted])
    session.say(f"view {len(accepted)} taken, {share:.0%} of the field seen")
    for line in coverage_map(accepted):
        session.say(f"  {line}")
    if is_covered(accepted, board) and len(accepted) % _FITTED_EVERY == 0:
        fit = fit_camera([one.view for one in accepted], board)
        if isinstance(fit, CameraFit) and is_enough(accepted, board, fit):
            session.say("the views are enough")
            return True
    session.tell(f"next: {next_to_do(accepted, board)}")
    return False
