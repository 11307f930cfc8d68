"""What a DP5's twin can be told beside the detector's own settings, which are `TwinSettings`."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_bridge.dp5.vocabulary import ECHOES, Device, Pid


@dataclass(frozen=True, slots=True)
class Dp5Electronics:
    """Parameters of a simulated DP5.

    Of `TwinSettings` the twin uses what concerns the detector, the seed, the channels, the clock and the log. Times
    are seconds of the simulated clock, except where the name says wall.
    """

    device: int = Device.DP5
    serial_number: int = 12_345
    firmware: int = 0x69
    build: int = 2
    fpga: int = 0x61
    high_voltage_v: float = -135.0
    detector_k: float = 220.0
    board_celsius: int = 34

    gap_wall_s: float = 0.1
    """A serial request that pauses for longer is discarded, silently."""
    flash_stall_wall_s: tuple[float, float] = (0.08, 0.4)
    """Shortest and longest time for which everything waits when settings are written to flash."""
    busy_wall_s: float = 0.0
    """For how long after new settings every request is answered with 'busy'."""
    readout_s_per_channel: float = 2.5e-7
    """Copying a spectrum stops its accumulation, and not its real time."""
    reset_share: float = 0.004
    """Share of the time in which the detector's preamplifier is reset: real time, no accumulation."""
    udp_bytes_per_s: float | None = None
    """Pace of the network side; 90,000 gives the 70 ms that 2,048 channels take."""
    echo_reply: Pid = ECHOES[0]

    def __post_init__(self) -> None:
        if not 0 <= self.reset_share < 1:
            raise ValueError(f"a reset share of {self.reset_share}: give a share from 0 to below 1")
