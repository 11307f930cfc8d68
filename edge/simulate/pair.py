"""A simulated stage, spectrometer and rangefinder, each in its own process, sharing only where the beam is."""

from __future__ import annotations

import contextlib
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge.faults import UsageError
from edge.simulate.camera import SimulatedCamera
from edge.simulate.camera_server import camera_of, leave_address
from edge.simulate.config import SimulatedInstrumentConfig, twin_settings
from edge.simulate.head_camera import head_camera_of
from edge.simulate.specimen import Specimen
from edge.simulate.twin_config import PairConfig, faulty_wire
from firmware_bridge.messages import StagePose

if TYPE_CHECKING:
    from firmware_bridge.twins.grbl.settings import GrblTwinSettings
    from firmware_bridge.twins.marlin.settings import MarlinTwinSettings
    from firmware_bridge.twins.rangefinder.settings import RangefinderTwinSettings
    from firmware_bridge.twins.shared_pose import SharedPoseReader

_START_TIMEOUT_S: Final = 30.0
_STAGE_TAKES: Final = {
    "max_speed_mm_s",
    "max_acceleration_mm_s2",
    "speed_factor",
    "acceleration_factor",
    "starts_homed",
    "seed",
    "clock_factor",
}
"""What a stage's twin takes from the instrument file's `twin`."""
_LINE_END: Final = ord("\n")


def serve_pair(
    instrument: SimulatedInstrumentConfig,
    pair: PairConfig,
    specimen: Specimen,
    *,
    camera: SimulatedCamera,
    log: Path | None,
    announce: Callable[[str], None],
) -> None:
    """Serve all until SIGINT or SIGTERM; the spectrometer here, the others in processes that end with this one.

    Parameters
    ----------
    log
        The spectrometer's own log.
    """
    with tempfile.TemporaryDirectory(prefix="pointillist-") as folder:
        pose = Path(folder) / "pose"
        settings = _stage_settings(instrument, pair, pose)
        with contextlib.ExitStack() as beside:
            beside.enter_context(_running("stage", _serve_stage, pair, settings, Path(instrument.link)))
            announce(f"Stage on {instrument.link}")
            if pair.rangefinder_link is not None:
                watch = _running(
                    "rangefinder",
                    _serve_rangefinder,
                    _rangefinder_settings(instrument),
                    pose,
                    Path(pair.rangefinder_link),
                )
                beside.enter_context(watch)
                announce(f"Rangefinder on {pair.rangefinder_link}")
            address = beside.enter_context(camera_of(instrument, camera, _LastPose(pose)))
            if address is not None:
                announce(f"Camera on {address}")
            head = beside.enter_context(head_camera_of(instrument, specimen, _LastPose(pose)))
            if head is not None:
                announce(f"Head camera on {head}")
            _serve_spectrometer(instrument, pair, specimen, pose, log, announce)


class _LastPose:
    """Where the stage's twin said last that it stands."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reader: SharedPoseReader | None = None
        self._pose: StagePose | None = None

    def __call__(self) -> StagePose | None:
        from firmware_bridge.twins.shared_pose import SharedPoseReader

        self._reader = self._reader or SharedPoseReader(self._path)
        for sample in self._reader.news():
            self._pose = sample.pose
        return self._pose


@contextlib.contextmanager
def _running(what: str, serve: Callable[..., None], *arguments: object) -> Iterator[None]:
    """A twin in a process of its own, once it is ready; its last argument is what it sets then."""
    context = multiprocessing.get_context("spawn")
    is_ready = context.Event()
    twin = context.Process(target=serve, args=(*arguments, is_ready), daemon=True)
    twin.start()
    try:
        deadline_s = time.monotonic() + _START_TIMEOUT_S
        while not is_ready.wait(0.02):
            if not twin.is_alive() or time.monotonic() > deadline_s:
                raise UsageError(f"the simulated {what} did not start: see what it printed")
        yield
    finally:
        twin.terminate()
        twin.join()


def _serve_stage(
    pair: PairConfig, settings: GrblTwinSettings | MarlinTwinSettings, link: Path, is_ready: Event
) -> None:
    from firmware_bridge.twins.grbl.settings import GrblTwinSettings

    wire = faulty_wire(pair.stage_faults, delimiter=_LINE_END)
    if isinstance(settings, GrblTwinSettings):
        from firmware_bridge.twins.grbl.process import serve_grbl

        serve_grbl(settings, link=link, ready=lambda _: is_ready.set(), wire=wire)
    else:
        from firmware_bridge.twins.marlin.process import serve_marlin

        serve_marlin(settings, link=link, ready=lambda _: is_ready.set(), wire=wire)


def _serve_rangefinder(settings: RangefinderTwinSettings, pose: Path, link: Path, is_ready: Event) -> None:
    from firmware_bridge.twins.rangefinder.process import serve_rangefinder
    from firmware_bridge.twins.shared_pose import SharedPoseReader

    serve_rangefinder(settings, pose=SharedPoseReader(pose).news, link=link, ready=lambda _: is_ready.set())


def _serve_spectrometer(
    instrument: SimulatedInstrumentConfig,
    pair: PairConfig,
    specimen: Specimen,
    pose: Path,
    log: Path | None,
    announce: Callable[[str], None],
) -> None:
    from firmware_bridge.twins.shared_pose import SharedPoseReader

    settings = twin_settings(instrument, log=log)
    link = None if pair.spectrometer_link is None else Path(pair.spectrometer_link)
    if pair.spectrometer == "dp5":
        from firmware_bridge.twins.dp5.process import serve_dp5

        serve_dp5(
            specimen,
            settings,
            link=link,
            udp_port=pair.udp_port,
            pose=SharedPoseReader(pose).news,
            ready=lambda port, address: announce(f"Spectrometer on {' and '.join(filter(None, (port, address)))}"),
            wire=faulty_wire(pair.spectrometer_faults, delimiter=None),
            network_faults=[fault.scripted() for fault in pair.spectrometer_faults],
        )
        return
    from firmware_bridge.twins.scpi.process import serve_scpi

    def tell(address: str) -> None:
        leave_address(link, address)
        announce(f"Spectrometer on {address}")

    try:
        serve_scpi(
            specimen,
            settings,
            port=pair.network_port or 0,
            pose=SharedPoseReader(pose).news,
            ready=tell,
            wire=faulty_wire(pair.spectrometer_faults, delimiter=_LINE_END),
        )
    finally:
        if link is not None:
            link.unlink(missing_ok=True)


def _stage_settings(
    instrument: SimulatedInstrumentConfig, pair: PairConfig, pose: Path
) -> GrblTwinSettings | MarlinTwinSettings:
    stated = instrument.twin.model_dump(include=_STAGE_TAKES, exclude_none=True)
    limits = (instrument.twin.x_limits_mm or [0.0, 300.0], instrument.twin.y_limits_mm or [0.0, 300.0])
    if any(low != 0 for low, _ in limits):
        raise UsageError(f"twin: a {pair.stage} stage's travel begins at 0: give limits from 0")
    stated["travel_mm"] = (limits[0][1], limits[1][1])
    stated |= {"gate": pair.gate_output, "pose": pose, "log": None if pair.stage_log is None else Path(pair.stage_log)}
    try:
        if pair.stage == "grbl":
            from firmware_bridge.twins.grbl.settings import GrblTwinSettings

            twin = instrument.twin
            return GrblTwinSettings(
                has_trigger=pair.has_trigger,
                probe_active_at_s=twin.standoff_leaves_at_s,
                probe_stays_active_s=twin.standoff_stays_out_s,
                **stated,
            )
        from firmware_bridge.twins.marlin.settings import MarlinTwinSettings

        return MarlinTwinSettings(**stated)
    except ValueError as error:
        raise UsageError(f"twin: {error}") from None


def _rangefinder_settings(instrument: SimulatedInstrumentConfig) -> RangefinderTwinSettings:
    """The same object as before the native controller's rangefinder, by the wall clock."""
    from firmware_bridge.twins.rangefinder.settings import RangefinderTwinSettings

    twin = twin_settings(instrument)
    if twin.standoff_mm is None:
        raise UsageError("pair.rangefinder_link: a rangefinder before nothing: give twin.standoff_mm as well")
    leaves_s, stays_s = twin.standoff_leaves_at_s, twin.standoff_stays_out_s
    return RangefinderTwinSettings(
        standoff_mm=twin.standoff_mm,
        bow_mm=twin.bow_mm,
        x_limits_mm=twin.x_limits_mm,
        y_limits_mm=twin.y_limits_mm,
        seed=twin.seed,
        moves_at_s=None if leaves_s is None else leaves_s / twin.clock_factor,
        stays_moved_s=None if stays_s is None else stays_s / twin.clock_factor,
        moved_mm=2 * (twin.farthest_mm - twin.nearest_mm),
    )
