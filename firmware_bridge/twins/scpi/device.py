"""What the twin does with a command. No port; time is given to it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Final

from firmware_bridge.scpi.answers import as_number, encode_counters
from firmware_bridge.scpi.codec import Quoted, ScpiCodecError, encode_reply
from firmware_bridge.scpi.vocabulary import INFINITE, Clock, ErrorCode
from firmware_bridge.twins.beam import BeamFollower, Stretch
from firmware_bridge.twins.scpi.commands import ERROR_TEXTS, LONGEST_LINE, CommandRefused, CommandTable
from firmware_bridge.twins.scpi.counter import ScpiCounter
from firmware_bridge.twins.scpi.electronics import ScpiElectronics
from firmware_bridge.twins.settings import TwinSettings
from firmware_bridge.twins.shared_pose import BeamPath
from firmware_bridge.twins.simulated_clock import SimulatedClock
from firmware_bridge.twins.source import SpectrumSource
from firmware_bridge.twins.twin_log import TwinLog

_CHANNELS: Final = tuple(2**power for power in range(4, 15))
_MOST_ERRORS: Final = 16
_MOST_LINES: Final = 64
_NOTHING: Final = b""


class ScpiDevice:
    """`firmware_bridge.twins.serving.SimulatedDevice`: detector, counter and settings behind a line.

    Parameters
    ----------
    path
        Where the beam is.
    now_s
        Wall time (monotonic) at which it boots; never goes back afterwards.
    """

    def __init__(
        self,
        source: SpectrumSource,
        settings: TwinSettings,
        electronics: ScpiElectronics,
        path: BeamPath,
        log: TwinLog,
        now_s: float,
    ) -> None:
        self._electronics = electronics
        self._log = log
        self._time = SimulatedClock(settings.clock_factor, now_s)
        self._beam = BeamFollower(path, self._time, now_s)
        self._table = CommandTable(_COMMANDS)
        self.counter = ScpiCounter(source, settings, electronics.clock, log)
        self.reboot(now_s)

    def reboot(self, now_s: float) -> None:
        """Begin anew: settings, spectrum and clock."""
        self._booted_s = self.device_s(now_s)
        self._errors: deque[ErrorCode] = deque()
        self.forget()
        self.counter.reset()
        self.counter.number = 0
        self._log.write("boot", self._booted_s, channels=self.counter.channels)

    def forget(self) -> None:
        """Another host has connected: what the last one was saying, and was to be told, is over."""
        self._held = b""
        self._lines: deque[tuple[float, bytes]] = deque()
        self._unsent = bytearray()

    def device_s(self, now_s: float) -> float:
        """The simulated clock."""
        return self._time.device_s(now_s)

    def advance(self, now_s: float) -> None:
        """Count up to now."""
        for piece in self._beam.until(now_s):
            if isinstance(piece, Stretch):
                self.counter.expose(piece)

    def receive(self, octets: bytes, now_s: float) -> None:
        """Take what has arrived; each whole line is carried out when the twin speaks."""
        *lines, held = (self._held + octets).split(b"\n")
        # One byte more than fits marks a line that is too long, however long it gets.
        self._held = held[: LONGEST_LINE + 1]
        due_s = now_s + self._electronics.answer_wall_s
        self._lines.extend((due_s, line[: LONGEST_LINE + 1]) for line in lines)
        while len(self._lines) > _MOST_LINES:
            self._lines.popleft()
            self._complain(ErrorCode.INPUT_OVERRUN)

    def outgoing(self, now_s: float, room: int) -> bytes:
        """Carry out what was asked, a line at a time, and hand over as many bytes as there is room for."""
        self.advance(now_s)
        while self._lines and self._lines[0][0] <= now_s and not self._unsent:
            self._unsent += self._answer(self._lines.popleft()[1], now_s)
        octets = bytes(self._unsent[:room])
        del self._unsent[:room]
        return octets

    def deadline_s(self, now_s: float) -> float:
        """When there will be something to say."""
        if self._unsent:
            return now_s
        return self._lines[0][0] if self._lines else math.inf

    def _answer(self, line: bytes, now_s: float) -> bytes:
        try:
            if len(line) > LONGEST_LINE:
                raise CommandRefused(ErrorCode.INPUT_OVERRUN)
            text = line.decode("ascii", "replace").strip()
            if not text:
                return _NOTHING
            (carry_out, takes_parameter), parameter = self._table.look_up(text)
            if parameter and not takes_parameter:
                raise CommandRefused(ErrorCode.PARAMETER_NOT_ALLOWED)
            if takes_parameter and not parameter:
                raise CommandRefused(ErrorCode.MISSING_PARAMETER)
            return carry_out(self, parameter, self._clock_s(now_s))
        except CommandRefused as refused:
            self._log.write("refused", self.device_s(now_s), line=line.decode("ascii", "replace"), why=str(refused))
            self._complain(refused.code)
            return _NOTHING

    def _complain(self, code: ErrorCode) -> None:
        if len(self._errors) < _MOST_ERRORS:
            self._errors.append(code)
        else:
            self._errors[-1] = ErrorCode.QUEUE_OVERFLOW

    def _clock_s(self, now_s: float) -> float:
        clock_s = self.device_s(now_s) - self._booted_s
        jump = self._electronics.clock_jump
        return clock_s + jump[1] if jump is not None and clock_s >= jump[0] else clock_s

    # Commands. Each gets its parameter and the time on the device's clock, and returns its reply.

    def _identity(self, _: str, __: float) -> bytes:
        identity = self._electronics.identity
        return encode_reply(identity.maker, identity.model, identity.serial_number, identity.firmware)

    def _start_over(self, _: str, __: float) -> bytes:
        self.counter.reset()
        return _NOTHING

    def _clear_status(self, _: str, __: float) -> bytes:
        self._errors.clear()
        return _NOTHING

    def _next_error(self, _: str, __: float) -> bytes:
        code = self._errors.popleft() if self._errors else ErrorCode.NO_ERROR
        return encode_reply(str(code.value), Quoted(ERROR_TEXTS[code]))

    def _condition(self, _: str, clock_s: float) -> bytes:
        return encode_reply(str(self.counter.take(clock_s)[0].condition.value))

    def _set_channels(self, parameter: str, _: float) -> bytes:
        self._refuse_while_counting(ErrorCode.SETTINGS_CONFLICT)
        channels = _number(parameter)
        if channels not in _CHANNELS:
            raise CommandRefused(ErrorCode.OUT_OF_RANGE)
        self.counter.set_channels(int(channels))
        return _NOTHING

    def _channels(self, _: str, __: float) -> bytes:
        return encode_reply(str(self.counter.channels))

    def _set_preset(self, parameter: str, _: float) -> bytes:
        self._refuse_while_counting(ErrorCode.SETTINGS_CONFLICT)
        preset_s, step_s = _number(parameter), self._electronics.preset_step_s
        if preset_s != math.inf:
            if not step_s / 2 <= preset_s <= self._electronics.longest_preset_s:
                raise CommandRefused(ErrorCode.OUT_OF_RANGE)
            preset_s = round(preset_s / step_s) * step_s
        self.counter.preset_s = preset_s
        return _NOTHING

    def _preset(self, _: str, __: float) -> bytes:
        return encode_reply(f"{min(self.counter.preset_s, INFINITE):.12G}")

    def _set_preset_clock(self, parameter: str, _: float) -> bytes:
        self._refuse_while_counting(ErrorCode.SETTINGS_CONFLICT)
        if parameter.upper() not in Clock.__members__:
            raise CommandRefused(ErrorCode.ILLEGAL_PARAMETER)
        self.counter.clock = Clock(parameter.upper())
        return _NOTHING

    def _preset_clock(self, _: str, __: float) -> bytes:
        return encode_reply(self.counter.clock.value)

    def _preset_step(self, _: str, __: float) -> bytes:
        return encode_reply(f"{self._electronics.preset_step_s:.12G}")

    def _initiate(self, _: str, clock_s: float) -> bytes:
        self._refuse_while_counting(ErrorCode.INIT_IGNORED)
        self.counter.initiate()
        self._log.write("begun", clock_s + self._booted_s, number=self.counter.number)
        return _NOTHING

    def _abort(self, _: str, __: float) -> bytes:
        self.counter.is_counting = False
        return _NOTHING

    def _counters(self, _: str, clock_s: float) -> bytes:
        return encode_counters(self.counter.take(clock_s)[0])

    def _spectrum(self, _: str, clock_s: float) -> bytes:
        counters, counts = self.counter.take(clock_s)
        return encode_counters(counters, counts[: counts.size - self._electronics.missing_channels])

    def _spectrum_and_clear(self, _: str, clock_s: float) -> bytes:
        reply = self._spectrum(_, clock_s)
        self.counter.clear()
        return reply

    def _temperature(self, _: str, __: float) -> bytes:
        return encode_reply(f"{self._electronics.detector_k:g}")

    def _voltage(self, _: str, __: float) -> bytes:
        return encode_reply(f"{self._electronics.high_voltage_v:g}")

    def _refuse_while_counting(self, code: ErrorCode) -> None:
        if self.counter.is_counting:
            raise CommandRefused(code)


def _number(parameter: str) -> float:
    if parameter.upper() in ("INF", "INFINITY"):
        return math.inf
    try:
        return as_number(parameter)
    except ScpiCodecError:
        raise CommandRefused(ErrorCode.ILLEGAL_PARAMETER) from None


_Carry = Callable[[ScpiDevice, str, float], bytes]
_COMMANDS: Final[dict[str, tuple[_Carry, bool]]] = {
    "*IDN?": (ScpiDevice._identity, False),
    "*RST": (ScpiDevice._start_over, False),
    "*CLS": (ScpiDevice._clear_status, False),
    "SYSTem:ERRor?": (ScpiDevice._next_error, False),
    "STATus:OPERation:CONDition?": (ScpiDevice._condition, False),
    "SENSe:CHANnels": (ScpiDevice._set_channels, True),
    "SENSe:CHANnels?": (ScpiDevice._channels, False),
    "SENSe:PRESet:TIME": (ScpiDevice._set_preset, True),
    "SENSe:PRESet:TIME?": (ScpiDevice._preset, False),
    "SENSe:PRESet:CLOCk": (ScpiDevice._set_preset_clock, True),
    "SENSe:PRESet:CLOCk?": (ScpiDevice._preset_clock, False),
    "SENSe:PRESet:STEP?": (ScpiDevice._preset_step, False),
    "INITiate": (ScpiDevice._initiate, False),
    "ABORt": (ScpiDevice._abort, False),
    "FETCh:COUNters?": (ScpiDevice._counters, False),
    "FETCh:SPECtrum?": (ScpiDevice._spectrum, False),
    "FETCh:SPECtrum:CLEar?": (ScpiDevice._spectrum_and_clear, False),
    "MEASure:TEMPerature?": (ScpiDevice._temperature, False),
    "MEASure:VOLTage?": (ScpiDevice._voltage, False),
}
"""How each command is carried out, and whether it has a parameter."""
