"""Processes of a test that begin at once: each is forked from one that has loaded what twins and hosts import.

A test loads for half a second otherwise what its twin needs, as often as there are twins.
"""

from __future__ import annotations

import atexit
import multiprocessing
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

_END_TIMEOUT_S = 60.0
_LOADED = [
    "scipy.special",
    "firmware_bridge.native.client",
    "firmware_bridge.grbl.stage",
    "firmware_bridge.marlin.stage",
    *(f"firmware_bridge.twins.{kind}.process" for kind in ("native", "grbl", "marlin", "dp5", "scpi", "rangefinder")),
    "tests.protocol.constant_twin",
]
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(_LOADED)
Ready = Callable[..., None]


def begun(serve: Callable[..., None], *arguments: Any) -> tuple[BaseProcess, list[str]]:
    """Start a function in a process of its own, and wait until it is ready.

    Parameters
    ----------
    serve
        A function of a module, called with the arguments and with what it says its words to once it is ready.

    Returns
    -------
    tuple
        The process, and the words.
    """
    heard, said = _FORKS.Pipe(duplex=False)
    process = _FORKS.Process(target=_run, args=(serve, arguments, said), daemon=True)
    with heard:
        with said:
            process.start()
        try:
            return process, heard.recv()
        except EOFError:
            process.join()
            raise AssertionError(f"{serve.__module__} ended before it was ready") from None


@contextmanager
def forked(serve: Callable[..., None], *arguments: Any) -> Iterator[tuple[BaseProcess, list[str]]]:
    """The same, told to end with the context."""
    process, words = begun(serve, *arguments)
    try:
        yield process, words
    finally:
        process.terminate()
        process.join(_END_TIMEOUT_S)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()


def _run(serve: Callable[..., None], arguments: tuple[Any, ...], said: Connection) -> None:
    # a run in the background ignores it, and so would its forks
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        serve(*arguments, lambda *words: said.send(list(words)))
    finally:
        # a fork ends without what a program does on its way out
        atexit._run_exitfuncs()
