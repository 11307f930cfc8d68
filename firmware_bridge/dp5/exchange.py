"""One question, one answer with a DP5: time-outs, repetition where it is safe, and stale answers kept out.

The protocol numbers nothing, so an answer that comes late looks like the answer to the next question. After every
silence an echo request with a number of its own is sent: whatever comes before its reply is stale.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Container
from enum import Enum

from firmware_bridge.dp5.codec import Dp5Deframer, Packet, encode_packet
from firmware_bridge.dp5.vocabulary import (
    ACKNOWLEDGEMENT,
    ASK_ECHO,
    ECHOES,
    GARBLED,
    SPECTRUM,
    Ack,
    Pid,
    sentence_of,
)
from firmware_bridge.faults import (
    BridgeError,
    ControllerFault,
    LinkLost,
    ProtocolViolation,
    SettingRefused,
    WrongDevice,
)
from firmware_bridge.ports import BytePort

_ATTEMPTS = 8
"""While anything is heard; on a line that damages one packet in ten, one question in 10**8 fails."""
_ATTEMPTS_UNHEARD = 3
_SILENCE_S = 0.5
"""Without a byte for so long, the answer isn't coming; 70 ms are usual over Ethernet. The first of a spectrum's is
waited for longer, see `Dp5Exchange.spectrum_s`."""
_LONG_SILENCE_S = 2.0
"""Of an answer that cannot be asked for again."""
_LONGEST_S = 10.0
"""For an answer that trickles: 8,192 channels take 2.2 s at 115,200 baud."""
_ECHO_S = 0.5
_QUIET_S = 0.2
"""Twice the device's own gap timer."""
_BUSY_PAUSE_S = 0.05
_BUSY_S = 2.0

OK = frozenset({Pid(ACKNOWLEDGEMENT, Ack.OK), Pid(ACKNOWLEDGEMENT, Ack.OK_SHARING)})
SPECTRA_WITH_STATUS = frozenset(Pid(SPECTRUM, second) for second in range(2, 13, 2))
_OTHER_SPECTRA = frozenset(Pid(SPECTRUM, second) for second in range(256)) - SPECTRA_WITH_STATUS


class Repeat(Enum):
    """Whether a question may be asked twice."""

    SAFE = "safe"
    LOSES = "loses"
    """Asked again, it would clear counts that nobody has seen."""


class Dp5Exchange:
    """Questions to one device over one port. One thread at a time.

    Parameters
    ----------
    name
        What the operator calls the port.
    """

    def __init__(self, port: BytePort, name: str) -> None:
        self._port = port
        self._name = name
        self._deframer = Dp5Deframer()
        self._echoes = 0
        self._heard = 0
        self.packets_heard = 0
        """Whatever they say: replies, refusals, echoes."""
        self.heard_at_s = math.inf
        """When the first byte came after the last request, by this computer's clock."""
        self.repeated = 0
        """Questions asked again."""
        self.spectrum_s = 0.0
        """How long a spectrum is under way on the slowest line. Where a server or a gateway stands between and hands it
        over whole, not a byte comes before."""

    @property
    def name(self) -> str:
        return self._name

    def ask(self, pid: Pid, content: bytes = b"", *, expected: Container[Pid], repeat: Repeat = Repeat.SAFE) -> Packet:
        """Send a request and return the reply, of one of the expected types.

        Raises
        ------
        LinkLost
            Nothing came, after repeating the question where that is safe.
        WrongDevice
            Something came, but nothing that this protocol knows.
        SettingRefused
            The device doesn't take the text of a configuration.
        ControllerFault
            The device says that it cannot.
        ProtocolViolation
            A spectrum of a type that doesn't answer the question.
        """
        octets = encode_packet(Packet(pid, content))
        busy_until_s = time.monotonic() + _BUSY_S
        silence_s = _LONG_SILENCE_S if repeat is Repeat.LOSES else _SILENCE_S
        left, heard = _ATTEMPTS, self._heard
        while left > 0:
            reply = self._send_and_wait(octets, expected, silence_s)
            if reply is None:
                if repeat is Repeat.LOSES:
                    self._agree()
                    raise LinkLost(
                        f"{self._name} did not answer when asked for a spectrum to be cleared with it: its counts are "
                        "lost, measure them again"
                    )
                left -= 1
                if self._heard == heard and left <= _ATTEMPTS - _ATTEMPTS_UNHEARD:
                    break
                self._agree()
            elif reply.pid in expected:
                return reply
            elif reply.pid.second == Ack.BUSY and time.monotonic() < busy_until_s:
                time.sleep(_BUSY_PAUSE_S)
            elif reply.pid.second in GARBLED and left > 1:
                left -= 1
            else:
                raise self._refused(reply)
            self.repeated += left > 0
        raise self._silent()

    def close(self) -> None:
        """Release the port. Safe to call twice."""
        self._port.close()

    def _send_and_wait(self, octets: bytes, expected: Container[Pid], silence_s: float) -> Packet | None:
        """The reply or what the device says instead; None when nothing came."""
        while self._port.read_available(0.0):
            pass
        self._deframer.drop()
        self.heard_at_s = math.inf
        self._port.write(octets)

        def answers(packet: Packet) -> bool:
            if packet.pid in expected:
                return True
            if expected is SPECTRA_WITH_STATUS and packet.pid in _OTHER_SPECTRA:
                raise ProtocolViolation(
                    f"{self._name} sent a spectrum of type {packet.pid} that doesn't answer what was asked: update its "
                    "firmware, and let no other program use it"
                )
            return packet.pid.first == ACKNOWLEDGEMENT and packet.pid not in OK

        return self._wait(answers, silence_s, self.spectrum_s if expected is SPECTRA_WITH_STATUS else 0.0)

    def _wait(self, is_wanted: Callable[[Packet], bool], silence_s: float, under_way_s: float = 0.0) -> Packet | None:
        now_s = time.monotonic()
        quiet_from_s, latest_s = now_s + max(silence_s, under_way_s + _SILENCE_S), now_s + _LONGEST_S
        while now_s < min(quiet_from_s, latest_s):
            octets = self._port.read_available(min(quiet_from_s, latest_s) - now_s)
            now_s = time.monotonic()
            if not octets:
                continue
            self._heard += len(octets)
            self.heard_at_s = min(self.heard_at_s, now_s)
            quiet_from_s = now_s + silence_s
            packets = self._deframer.feed(octets)
            self.packets_heard += len(packets)
            for packet in packets:
                if is_wanted(packet):
                    return packet
        return None

    def _agree(self) -> None:
        """Let everything stale pass: until the echo of a number never used before, or until the line is quiet."""
        self._echoes += 1
        token = b"again %d" % self._echoes
        self._deframer.drop()
        self._port.write(encode_packet(Packet(ASK_ECHO, token)))

        def ends(packet: Packet) -> bool:
            return packet.pid in ECHOES and packet.content == token

        if self._wait(ends, _ECHO_S) is None:
            self._wait(lambda _: False, _QUIET_S)

    def _refused(self, reply: Packet) -> BridgeError:
        meaning = sentence_of(reply.pid.second)
        if reply.pid.second in (Ack.PARAMETER, Ack.UNKNOWN_COMMAND) and reply.content:
            text = reply.content[:80].decode("ascii", "replace").strip("\x00;\r\n")
            return SettingRefused(f"{self._name} refuses {text}: {meaning}")
        return ControllerFault(f"{self._name} refuses: {meaning}")

    def _silent(self) -> BridgeError:
        if self._heard and not self.packets_heard:
            return WrongDevice(
                f"{self._name} answers, but not as a DP5: choose the spectrometer's port, and its baud rate (115200)"
            )
        return LinkLost(
            f"{self._name} does not answer as a spectrometer: check its power, the cable and that no other program "
            "uses it, then connect again"
        )
