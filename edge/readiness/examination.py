"""`pointillist doctor`: everything that a scan needs, looked at in order, each finding shown as soon as it is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from edge.configuration.config import ScanConfig
from edge.console import Console
from edge.faults import DeviceError, EdgeError, SafetyStop, UsageError
from edge.motion.stage_known import examine_motion
from edge.planning.area import middle_of
from edge.prepare import grid_of
from edge.readiness.doctor import (
    Finding,
    examine_camera,
    examine_controller,
    examine_disk,
    examine_fault,
    examine_installation,
    examine_observations,
    examine_ports,
    examine_readiness,
    examine_standoff,
)
from edge.readiness.shutter_test import ShutterTest
from firmware_bridge.controller import Controller
from firmware_bridge.faults import BridgeError, ControllerFault

Connect = Callable[[], Controller]


class Examination:
    """One look at an instrument; what cannot be reached is a finding, not a fault.

    Parameters
    ----------
    connect
        Opens the controller that the configuration names.
    show
        Called with each finding as soon as it is known.
    """

    def __init__(self, config: ScanConfig, connect: Connect, show: Callable[[Finding], None]) -> None:
        self._config = config
        self._connect = connect
        self._show = show
        self.findings: list[Finding] = []

    def run(self) -> None:
        """Look at everything, with the shutter closed and nothing moving."""
        self._surroundings()
        self._with_controller(lambda _controller: None)

    def run_with_shutter(self, console: Console) -> None:
        """Look at everything, then test shutter, door interlock and lease with a person's help.

        Raises
        ------
        UsageError
            Nobody is there to be asked.
        """
        if not console.can_ask:
            raise UsageError("--shutter needs somebody at a terminal who opens and closes the door: start it from one")
        self._surroundings()
        self._with_controller(lambda controller: self._test_shutter(controller, console))

    def _surroundings(self) -> None:
        from firmware_bridge.ports import listed_ports

        self._take(examine_installation())
        self._take(examine_disk(self._config, Path.cwd()))
        self._take(examine_ports(self._config, listed_ports()))

    def _with_controller(self, then: Callable[[Controller], None]) -> None:
        try:
            controller = self._connect()
        except BridgeError as error:
            self._take([_failed(error)])
            self._take(examine_camera(self._config))
            return
        try:
            self._controller(controller)
            self._take(examine_camera(self._config))
            then(controller)
        finally:
            controller.close()

    def _controller(self, controller: Controller) -> None:
        try:
            status = controller.status()
            self._take(examine_controller(self._config, controller.capabilities))
            self._take(examine_motion(self._config, controller.capabilities))
            self._take(examine_readiness(status))
            self._take(examine_fault(status))
            self._take(examine_standoff(self._config, status))
            self._take(examine_observations(controller.diagnose()))
        except BridgeError as error:
            self._take([_failed(error)])

    def _test_shutter(self, controller: Controller, console: Console) -> None:
        failed = [finding.what for finding in self.findings if not finding.passed]
        if failed:
            words = f"not made: mend first what failed ({', '.join(failed)})"
            self._take([Finding("shutter test", True, words, is_good=False)])
            return
        try:
            ShutterTest(
                controller,
                self._config.area,
                console,
                lambda finding: self._take([finding]),
                place=middle_of(self._config, grid_of(self._config.area)),
            ).run()
        except (BridgeError, EdgeError) as error:
            self._take([Finding("shutter test", False, str(error), _fault_of(error))])

    def _take(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self.findings.append(finding)
            self._show(finding)


def _failed(error: BridgeError) -> Finding:
    return Finding("controller", False, str(error), _fault_of(error))


def _fault_of(error: BridgeError | EdgeError) -> type[EdgeError]:
    """What has the exit code that a scan would end with."""
    match error:
        case EdgeError():
            return type(error)
        case ControllerFault():
            return SafetyStop
        case _:
            return DeviceError
