"""Questions at a terminal or from a file of answers, each with what is taken if nothing is said."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TextIO

from edge.faults import UsageError

Check = Callable[[str], str]
"""What an answer is taken for; raises `ValueError` with what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several answers."""

    value: str
    words: str
    """What it means, for somebody who has never seen it."""


class Interview:
    """Asks one question at a time and again until the answer makes sense.

    Parameters
    ----------
    takes_defaults
        Nobody is asked: everything is as it is if nothing is said.
    """

    def __init__(
        self, *, takes_defaults: bool = False, answers: TextIO | None = None, questions: TextIO | None = None
    ) -> None:
        self._takes_defaults = takes_defaults
        self._answers = answers or sys.stdin
        self._questions = questions or sys.stdout

    def say(self, text: str) -> None:
        """A line between questions; nothing where nobody is asked."""
        if not self._takes_defaults:
            print(text, file=self._questions, flush=True)

    def ask(self, question: str, default: str, check: Check = str) -> str:
        """An answer that passes the check.

        Raises
        ------
        UsageError
            The answers have ended.
        """
        if self._takes_defaults:
            return check(default)
        while True:
            shown = f" [{default}]" if default else ""
            print(f"{question}{shown}: ", end="", file=self._questions, flush=True)
            line = self._answers.readline()
            if not line:
                raise UsageError(
                    f"no answer to {question!r}: the input has ended and nothing was written; answer at a terminal, or "
                    "give --yes to take what is proposed"
                )
            try:
                return check(line.strip() or default)
            except ValueError as error:
                self.say(f"  {error}")

    def choose(self, question: str, choices: Sequence[Choice], default: str = "", *, check: Check | None = None) -> str:
        """One of several answers, by its number or as it is written.

        Parameters
        ----------
        default
            Taken if nothing is said; empty: the first.
        check
            Allows any other answer too that passes; None: one of the choices.
        """

        def checked(answer: str) -> str:
            if answer.isdecimal() and 1 <= int(answer) <= len(choices):
                return choices[int(answer) - 1].value
            if any(answer == choice.value for choice in choices):
                return answer
            if check is not None:
                return check(answer)
            raise ValueError(f"{answer!r} is none of them: give a number from 1 to {len(choices)}")

        if not self._takes_defaults:
            self.say(f"{question}:")
            width = max((len(choice.value) for choice in choices), default=0)
            for number, choice in enumerate(choices, 1):
                self.say(f"  {number}  {choice.value:<{width}}  {choice.words}".rstrip())
        return self.ask("  which" if choices else question, default or choices[0].value, checked)
