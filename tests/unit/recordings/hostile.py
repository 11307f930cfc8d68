"""Commands run on recordings that somebody else made, with little memory; what each said, one JSON object a line."""

from __future__ import annotations

import contextlib
import io
import json
import resource
import sys
from pathlib import Path

from edge import cli
from edge.recordings import copy, progress, verify  # noqa: F401 - what is imported later would count as the recording's

ROOM = 1536 * 1024 * 1024
"""Address space beyond what the program takes by itself, in bytes."""


def main(folders: list[str]) -> None:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmSize:"):
            most = int(line.split()[1]) * 1024 + ROOM
            resource.setrlimit(resource.RLIMIT_AS, (most, most))
    for folder in folders:
        for command in (["verify", folder], ["watch", "--once", folder]):
            said = io.StringIO()
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
                code = cli.run(command)
            words = said.getvalue()
            print(json.dumps({"folder": Path(folder).name, "command": command[0], "code": code, "said": words}))


if __name__ == "__main__":
    main(sys.argv[1:])
