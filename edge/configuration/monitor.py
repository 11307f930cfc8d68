"""What a configuration may say of the operator's page, and of who is told when nobody looks."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from edge.configuration.schema import Closed, Name

AlertKind = Literal[
    "finished",
    "stopped",
    "paused",
    "faulted",
    "link-lost",
    "link-regained",
    "interrupted",
    "silent",
    "low-disk",
    "drift",
]
"""What somebody is told of."""
_HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$", max_length=200)]


class MonitorConfig(Closed):
    """The page that the scan serves while it runs."""

    host: Name = "127.0.0.1"
    """Address that it listens at; ``0.0.0.0``: every one of this computer's."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8765
    """0: any that is free."""
    names: list[_HostName] = Field(default=[], max_length=20)
    """Host names by which browsers call this computer, beside its own."""
    token_file: Name | None = None
    """File with the operators' token; None: a new one is printed where others than this computer can reach the page."""
    visitor_token_file: Name | None = None
    """File with the token of those who may only look."""
    certificate: Name | None = None
    """TLS certificate chain (PEM)."""
    key: Name | None = None
    """Its private key (PEM)."""

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("monitor.certificate and monitor.key belong together: give both, or neither")
        return self


class AlertsConfig(Closed):
    """Who is told when something happens to the scan."""

    webhook: Annotated[str, Field(pattern=r"^https?://[^\s/@]+(/\S*)?$", max_length=500)] | None = None
    """Address that a message is posted to."""
    webhook_file: Name | None = None
    """File with that address, where it is a secret: the configuration is part of the recording."""
    command: list[Name] = Field(default=[], max_length=20)
    """Program and arguments, started without a shell; empty: none."""
    on: list[AlertKind] = Field(default=[], max_length=10)
    """Of what; empty: of everything."""

    @model_validator(mode="after")
    def _somebody_is_told(self) -> Self:
        if self.webhook is not None and self.webhook_file is not None:
            raise ValueError("alerts.webhook and alerts.webhook_file are two addresses: give one")
        if self.webhook is None and self.webhook_file is None and not self.command:
            raise ValueError("alerts tell nobody: give webhook, webhook_file or command")
        return self
