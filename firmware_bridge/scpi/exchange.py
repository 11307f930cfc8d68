"""One question, one answer with a device that takes SCPI commands.

Every command is followed at once by a question for the oldest error, whose answer ends the exchange: an unknown command
is found out without a time-out, and nothing is left over. Answers are not numbered. So a connection on which anything
else happened, a silence too, is closed: what may still come on it would be taken for another question's answer.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final, NoReturn, TypeVar

from firmware_bridge.faults import BridgeError, ControllerFault, LinkLost, ProtocolViolation
from firmware_bridge.ports import BytePort
from firmware_bridge.scpi.answers import DeviceError, decode_error
from firmware_bridge.scpi.codec import Reply, ReplyReader, ScpiCodecError
from firmware_bridge.scpi.vocabulary import CLEAR_STATUS, NEXT_ERROR, ErrorCode

Answer = TypeVar("Answer")

_SILENCE_S: Final = 2.0
"""Without a byte for so long, the answer isn't coming."""
_LONGEST_S: Final = 10.0
"""For an answer that trickles."""


class ScpiExchange:
    """Questions to one device over one connection. One thread at a time.

    Parameters
    ----------
    name
        What the operator calls the port.
    """

    def __init__(self, port: BytePort, name: str) -> None:
        self._port = port
        self._reader = ReplyReader()
        self._is_open = True
        self.name = name
        self.heard_at_s = math.inf
        """When the first byte came after the last command, by this computer's clock."""

    @property
    def is_open(self) -> bool:
        """False after `close` and after the first fault of the connection."""
        return self._is_open

    def order(self, command: str) -> None:
        """Have a command carried out.

        Raises
        ------
        LinkLost
            The device is gone, or doesn't answer.
        ProtocolViolation
            It says something else.
        ControllerFault
            It refuses.
        """
        _, error = self._say(command, is_question=False)
        if error:
            raise self._refused(command, error)

    def ask(self, question: str, decode: Callable[[Reply], Answer]) -> Answer:
        """The answer to a question, as `decode` understands it. Raises as `order` does."""
        answer, error = self._say(question, is_question=True)
        if error:
            raise self._refused(question, error)
        return self._understood(question, answer, decode)

    def ask_if_known(self, question: str, decode: Callable[[Reply], Answer]) -> Answer | None:
        """The answer to a question that a device need not know; None when it doesn't."""
        answer, error = self._say(question, is_question=True)
        if error.code == ErrorCode.UNDEFINED_HEADER:
            return None
        if error:
            raise self._refused(question, error)
        return self._understood(question, answer, decode)

    def try_order(self, command: str) -> DeviceError:
        """Have a command carried out; returns what the device has against it."""
        return self._say(command, is_question=False)[1]

    def close(self) -> None:
        """End the connection. Safe to call twice."""
        if self._is_open:
            self._is_open = False
            self._port.close()

    def _say(self, command: str, *, is_question: bool) -> tuple[Reply | None, DeviceError]:
        if not self._is_open:
            raise LinkLost(f"the connection to {self.name} is closed: begin the exposure again, or connect again")
        try:
            answer, error = self._talk(command, is_question)
            if error:
                self._talk(CLEAR_STATUS, False)
        except ScpiCodecError as garbage:
            self._break_off(f"sent {garbage}")
        except BaseException:
            self.close()
            raise
        return answer, error

    def _talk(self, command: str, is_question: bool) -> tuple[Reply | None, DeviceError]:
        """Say a command; the answer, if there is one, and the error, if there is one."""
        if self._reader.feed(self._port.read_available(0.0)) or not self._reader.is_between_replies():
            raise ScpiCodecError("something without being asked")
        self._port.write(f"{command}\n{NEXT_ERROR}\n".encode("ascii"))
        replies: list[Reply] = []
        heard_at_s = math.inf
        now_s = time.monotonic()
        quiet_from_s, latest_s = now_s + _SILENCE_S, now_s + _LONGEST_S
        while now_s < min(quiet_from_s, latest_s):
            octets = self._port.read_available(min(quiet_from_s, latest_s) - now_s)
            now_s = time.monotonic()
            if not octets:
                continue
            quiet_from_s = now_s + _SILENCE_S
            heard_at_s = min(heard_at_s, now_s)
            replies += self._reader.feed(octets)
            error = decode_error(replies[-1]) if replies and self._reader.is_between_replies() else None
            answers = replies if error is None else replies[:-1]
            if len(answers) > (1 if is_question else 0):
                raise ScpiCodecError(f"more than an answer to {command}")
            if error is not None:
                self.heard_at_s = heard_at_s
                return (answers[0] if answers else None), error
        raise LinkLost(
            f"{self.name} does not answer {command}: check its power and the network, and that no other "
            "program is connected to it"
        )

    def _refused(self, command: str, error: DeviceError) -> BridgeError:
        return ControllerFault(f"{self.name} refuses {command}: {error}: see what the device's own display or log says")

    def _understood(self, question: str, answer: Reply | None, decode: Callable[[Reply], Answer]) -> Answer:
        if answer is None:
            self._break_off(f"does not answer {question}, and names no error")
        try:
            return decode(answer)
        except ScpiCodecError as garbage:
            self._break_off(f"answers {question} with {garbage}")

    def _break_off(self, what: str) -> NoReturn:
        self.close()
        raise ProtocolViolation(
            f"{self.name} {what}: check that the address is the spectrometer's, and that its server speaks the "
            "commands of docs/reference/scpi-spectrometer.md"
        )
