"""docs/reference/faults.md as its tests read it: rows of sentences, what follows them, and who shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "faults.md"
VARIES = "..."


@dataclass(frozen=True, slots=True)
class Row:
    """One fault."""

    family: str
    what: str
    sentence: str
    """Empty where the operator reads nothing."""
    does: str
    tests: tuple[str, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """What stays the same in the sentence, in order."""
        return tuple(part for part in (part.strip() for part in self.sentence.split(VARIES)) if part.strip(" ,:()"))

    @property
    def classes(self) -> tuple[str, ...]:
        """Exceptions that it comes as."""
        return tuple(re.findall(r"`([A-Z]\w+)`", self.does))

    @property
    def codes(self) -> tuple[int, ...]:
        """Exit codes that it may end a scan with."""
        return tuple(int(code) for code in re.findall(r"\bcode (\d)", self.does))

    @property
    def is_looked_for(self) -> bool:
        return "looks for the device" in self.does

    def fits(self, line: str) -> bool:
        """Whether an operator's line is this sentence."""
        pattern = ".*".join(re.escape(part) for part in self.sentence.split(VARIES))
        return bool(self.sentence) and re.fullmatch(pattern, line) is not None


def rows() -> Iterator[Row]:
    """Every row of every table."""
    family = ""
    for line in PAGE.read_text("utf-8").splitlines():
        if line.startswith("## "):
            family = line.removeprefix("## ")
        elif line.startswith("| ") and not line.startswith(("| what happens |", "| --- |")):
            what, said, does, tests = (cell.strip() for cell in line.strip().strip("|").split(" | "))
            quoted = re.match(r"`([^`]+)`", said)
            sentence = quoted[1] if quoted else ""
            yield Row(family, what, sentence, does, tuple(re.findall(r"`(test_\w+)`", tests)))
