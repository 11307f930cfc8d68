"""What the page's server is told: its address, who may do what, its certificate; files are read once, at the start."""

from __future__ import annotations

import ipaddress
import os
import secrets
import socket
import ssl
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from edge.configuration.monitor import MonitorConfig
from edge.faults import UsageError
from edge.monitor.tokens import SHORTEST_TOKEN, Tokens

_LONGEST_FILE = 4_096


@dataclass(frozen=True, slots=True)
class Settings:
    """Of one server."""

    host: str
    port: int
    names: tuple[str, ...]
    tokens: Tokens
    certificate: str = ""
    key: str = ""
    is_printed: bool = False
    """Whether the operators' token was made just now, and has to be shown to whoever started the page."""

    @property
    def is_secure(self) -> bool:
        """Whether it is served over TLS."""
        return bool(self.certificate)

    @classmethod
    def of(cls, config: MonitorConfig) -> Self:
        """As a configuration says.

        Raises
        ------
        UsageError
            A token's file is missing, too short or open to others, or certificate or key are missing or no pair.
        """
        for name, path in (("certificate", config.certificate), ("key", config.key)):
            if path is not None and not Path(path).is_file():
                raise UsageError(f"monitor.{name}: {path}: no such file: give a PEM file, or leave it out")
        if config.certificate and config.key:
            _require_pair(config.certificate, config.key)
        operator, visitor = (
            "" if path is None else read_token(Path(path)) for path in (config.token_file, config.visitor_token_file)
        )
        if operator and operator == visitor:
            raise UsageError("monitor.visitor_token_file holds the operators' token: give visitors another one")
        # whoever can reach the page must say who they are; and so must operators where visitors do
        is_printed = not operator and (bool(visitor) or not is_loopback(config.host))
        if is_printed:
            operator = secrets.token_urlsafe(18)
        return cls(
            config.host,
            config.port,
            tuple(config.names),
            Tokens(operator, visitor),
            config.certificate or "",
            config.key or "",
            is_printed,
        )

    def json(self) -> dict[str, Any]:
        """For the process that serves."""
        return {
            "names": list(self.names),
            "operator": self.tokens.operator,
            "visitor": self.tokens.visitor,
            "certificate": self.certificate,
            "key": self.key,
        }

    def remarks(self) -> list[str]:
        """What whoever starts the page should know, one sentence each."""
        found = []
        if self.is_printed:
            found.append(f"Token for operators: {self.tokens.operator}")
        if not is_loopback(self.host) and not self.is_secure:
            found.append(
                "The page is served to the network without TLS: whoever can listen there can read the token; give "
                "monitor.certificate and monitor.key"
            )
        return found


def asked(
    *,
    host: str,
    port: int,
    names: list[str],
    token_file: Path | None,
    visitor_token_file: Path | None,
    certificate: Path | None,
    key: Path | None,
) -> MonitorConfig:
    """What a command line asks for.

    Raises
    ------
    UsageError
        It cannot be.
    """
    paths = {"token_file": token_file, "visitor_token_file": visitor_token_file, "certificate": certificate, "key": key}
    given = {each: str(path) for each, path in paths.items() if path is not None}
    try:
        return MonitorConfig.model_validate({"host": host, "port": port, "names": names} | given)
    except ValidationError as error:
        first = error.errors()[0]
        words, where = first["msg"].removeprefix("Value error, "), ".".join(str(part) for part in first["loc"])
        raise UsageError(f"--{where}: {words} (got {first['input']!r})" if where else words) from None


def read_token(path: Path) -> str:
    """A token from a file that nobody else may read.

    Raises
    ------
    UsageError
        It is missing, open to others, too short, or more than a line.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            state = os.fstat(descriptor)
            content = file.read(_LONGEST_FILE) if stat.S_ISREG(state.st_mode) else b""
        token = content.decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no text"
        raise UsageError(f"{path}: the token cannot be read ({reason}): write one line of text there") from None
    if state.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(f"{path}: others on this computer may read the token: chmod 600 {path}")
    if len(token) < SHORTEST_TOKEN or len(token.splitlines()) != 1:
        raise UsageError(f"{path}: a token is one line of at least {SHORTEST_TOKEN} characters: make a longer one")
    return token


def _require_pair(certificate: str, key: str) -> None:
    try:
        # an encrypted key would be asked for at a terminal, which a service has not
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise UsageError(
            f"monitor.certificate: {certificate} and {key} cannot be used ({reason}): give a certificate and its own "
            "key, in PEM, not encrypted, that this user may read"
        ) from None


def is_loopback(host: str) -> bool:
    """Whether an address is this computer's alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes any that is free.

    Raises
    ------
    UsageError
        The address is not this computer's, or the port is taken.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        made = socket.socket(family, socket.SOCK_STREAM)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
            made.listen(512)
        except OSError:
            made.close()
            raise
    except (OSError, UnicodeError) as error:
        where = f"{host}, port {port} ({getattr(error, 'strerror', None) or error})"
        raise UsageError(f"the page cannot be served at {where}: give another port or address") from None
    return made


def url_of(listener: socket.socket, *, is_secure: bool) -> str:
    """What to open in a browser."""
    host, port = listener.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:
        host = socket.gethostname()
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if is_secure else 'http'}://{shown}:{port}/"
