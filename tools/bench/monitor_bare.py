"""The least that sending takes: a server of asyncio's own that gives every client the same bytes, made beforehand."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from contextlib import suppress

from tools.bench.processor import processor_s


def bare_cores(clients: int, message_bytes: int, per_s: float, seconds: float) -> float:
    """Processor time over the clock's of a process that sends so many such messages a second to each client."""
    command = [sys.executable, "-m", __spec__.name, str(message_bytes), str(per_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            taken: list[float] = []
            watching = threading.Thread(
                target=lambda: taken.append(asyncio.run(_cores(process.pid, port, clients, seconds)))
            )
            watching.start()
            watching.join()
            return taken[0]
        finally:
            process.kill()


async def _cores(pid: int, port: int, clients: int, seconds: float) -> float:
    taking = [asyncio.ensure_future(_take(port)) for _ in range(clients)]
    await asyncio.sleep(1.0)
    before = processor_s(pid)
    await asyncio.sleep(seconds)
    cores = (processor_s(pid) - before) / seconds
    for task in taking:
        task.cancel()
    await asyncio.gather(*taking, return_exceptions=True)
    return cores


async def _take(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while await reader.read(1 << 16):
            pass
    finally:
        writer.close()


async def _serve(message_bytes: int, per_s: float) -> None:
    writers: set[asyncio.StreamWriter] = set()

    async def welcome(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)

    server = await asyncio.start_server(welcome, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    content = os.urandom(message_bytes)
    next_s = asyncio.get_running_loop().time()
    while True:
        for writer in writers:
            with suppress(OSError):
                writer.write(content)
        next_s += 1 / per_s
        await asyncio.sleep(max(0.0, next_s - asyncio.get_running_loop().time()))


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
