"""``python -m tools.fuzz.one_target NAME SECONDS CORPUS FINDS``: fuzz one target, in a process that may die of it.

Guided by coverage where the library atheris is installed, with libFuzzer's own report; else by chance alone.
"""

from __future__ import annotations

import hashlib
import random
import sys
import time
from pathlib import Path
from typing import Final

LONGEST: Final = 4_096
"""Bytes of an input."""
TIMEOUT_S: Final = 30
"""Longest time that one input may take."""
MEMORY_MB: Final = 1_024
"""Most memory that the process may take: the libraries' own, and what an input makes of it."""
EXECUTED: Final = "stat::number_of_executed_units:"
"""What the number of inputs stands behind in the report, guided or not."""


def libfuzzer_arguments(seconds: float, corpus: Path, finds: Path) -> list[str]:
    """What libFuzzer is told, in Python and in C."""
    return [
        f"-max_total_time={max(1, round(seconds))}", f"-max_len={LONGEST}", f"-timeout={TIMEOUT_S}",
        f"-rss_limit_mb={MEMORY_MB}", f"-artifact_prefix={finds}/", "-print_final_stats=1", str(corpus),
    ]  # fmt: skip


def guided(name: str, seconds: float, corpus: Path, finds: Path) -> None:
    """Fuzz with atheris; ends the process. What is imported in here is watched, so nothing may have been before."""
    import atheris

    with atheris.instrument_imports(include=["firmware_bridge", "edge"]):
        from tools.fuzz.targets import TARGETS

    atheris.Setup([sys.argv[0], *libfuzzer_arguments(seconds, corpus, finds)], TARGETS[name].run)
    atheris.Fuzz()


def unguided(name: str, seconds: float, corpus: Path, finds: Path) -> None:
    """Fuzz by random changes to the corpus, until the time is over or something is found."""
    from tools.fuzz.mutation import mutated
    from tools.fuzz.targets import TARGETS

    chance, run = random.Random(), TARGETS[name].run
    known = [path.read_bytes() for path in sorted(corpus.iterdir())]
    ends_s, executed = time.monotonic() + seconds, 0
    while time.monotonic() < ends_s:
        octets = mutated(chance.choice(known), chance, known)
        executed += 1
        try:
            run(octets)
        except BaseException:
            (finds / f"crash-{hashlib.sha1(octets).hexdigest()}").write_bytes(octets)
            raise
    print(EXECUTED, executed, file=sys.stderr)


def main(name: str, seconds: str, corpus: str, finds: str) -> None:
    """Guided if that can be."""
    from importlib.util import find_spec

    fuzz = guided if find_spec("atheris") else unguided
    fuzz(name, float(seconds), Path(corpus), Path(finds))


if __name__ == "__main__":
    main(*sys.argv[1:])
