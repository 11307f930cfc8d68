"""Browsers that are no browsers, in a process of their own: they look on until standard input ends.

``python -m tests.faults.page_clients PORT watch 4`` looks at everything, and prints how many messages each took;
``flood 10000`` opens connections, says nothing on half of them and half a request on the others, and holds them.
"""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

CHECKOUT = Path(__file__).resolve().parents[2]


async def look(port: int, taken: list[int], number: int) -> None:
    here = f"127.0.0.1:{port}"
    async with connect(f"ws://{here}/api/stream", origin=Origin(f"http://{here}"), max_size=None) as stream:
        await stream.send(json.dumps({"type": "view", "elements": list(range(20)), "layers": ["estimate", "error"]}))
        async for message in stream:
            is_text = isinstance(message, str)
            n = json.loads(message)["n"] if is_text else int.from_bytes(message[4:8], "little")
            taken[number] += 1
            await stream.send(json.dumps({"type": "ack", "n": n}))


async def watch(port: int, count: int) -> None:
    taken = [0] * count
    tasks = [asyncio.ensure_future(look(port, taken, number)) for number in range(count)]
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    while 0 in taken and not ended.done():
        await asyncio.sleep(0.02)
    print("looking on", flush=True)
    await ended
    for task in tasks:
        task.cancel()
    with suppress(ConnectionClosed):
        await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps(taken), flush=True)


def flood(port: int, count: int) -> None:
    """Open connections and hold them; those that are dropped count too."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(count + 200, hard), hard))
    held, opened = [], 0
    for number in range(count):
        with suppress(OSError):
            made = socket.create_connection(("127.0.0.1", port), timeout=5)
            opened += 1
            made.setblocking(False)
            if number % 2:
                made.send(b"GET /api/scan HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
            held.append(made)
    print(opened, flush=True)
    sys.stdin.read()


@contextmanager
def clients(port: int, what: str, count: int) -> Iterator[subprocess.Popen[str]]:
    """Browsers in another process, once all of them look on."""
    command = [sys.executable, "-m", "tests.faults.page_clients", str(port), what, str(count)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT)
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        assert process.stdout.readline()
        yield process
    finally:
        process.stdin.close()
        process.wait(timeout=60)
        process.stdout.close()


if __name__ == "__main__":
    wanted, how_many = sys.argv[2], int(sys.argv[3])
    if wanted == "watch":
        asyncio.run(watch(int(sys.argv[1]), how_many))
    else:
        flood(int(sys.argv[1]), how_many)
