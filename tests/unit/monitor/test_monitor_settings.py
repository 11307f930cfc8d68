"""Tokens, certificates and addresses, before anything moves."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from edge.configuration.monitor import AlertsConfig, MonitorConfig
from edge.faults import UsageError
from edge.monitor.settings import Settings, is_loopback, listening, read_token, url_of


def token_file(folder: Path, content: str, mode: int = 0o600, name: str = "token") -> Path:
    path = folder / name
    path.write_text(content)
    path.chmod(mode)
    return path


def test_on_this_computer_nobody_needs_a_token() -> None:
    settings = Settings.of(MonitorConfig())
    assert not settings.tokens.operator
    assert not settings.is_printed
    assert settings.remarks() == []


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "scanner"])
def test_for_the_network_a_token_is_made_and_shown_and_no_tls_is_said(host: str) -> None:
    first, second = (Settings.of(MonitorConfig(host=host)) for _ in range(2))
    assert first.is_printed
    assert len(first.tokens.operator) >= 24
    assert first.tokens.operator != second.tokens.operator
    shown, said = first.remarks()
    assert first.tokens.operator in shown
    assert "without TLS" in said


def test_where_visitors_have_a_token_operators_need_one_too(tmp_path: Path) -> None:
    path = token_file(tmp_path, "visitors-may-look-on\n")
    settings = Settings.of(MonitorConfig(visitor_token_file=str(path)))
    assert settings.tokens.visitor == "visitors-may-look-on"
    assert settings.is_printed


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_token_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(UsageError, match="chmod 600"):
        read_token(token_file(tmp_path, "operators-may-do-all", mode))


@pytest.mark.parametrize("content", ["", "short", "\n", "two lines of text\nin one file"])
def test_a_token_that_is_short_or_no_line_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(UsageError, match="at least 16"):
        read_token(token_file(tmp_path, content))


def test_a_token_that_is_missing_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_token(tmp_path / "none")
    with pytest.raises(UsageError):
        read_token(tmp_path)


def test_one_token_for_both_roles_is_refused(tmp_path: Path) -> None:
    path = str(token_file(tmp_path, "the-same-for-everybody"))
    with pytest.raises(UsageError, match="another one"):
        Settings.of(MonitorConfig(token_file=path, visitor_token_file=path))


def test_a_certificate_needs_its_key_and_both_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="belong together"):
        MonitorConfig(certificate="a.pem")
    with pytest.raises(UsageError, match="no such file"):
        Settings.of(MonitorConfig(certificate=str(tmp_path / "a.pem"), key=str(tmp_path / "b.pem")))


def test_a_certificate_that_is_none_is_refused_before_anything_is_served(tmp_path: Path) -> None:
    for name in ("a.pem", "b.pem"):
        (tmp_path / name).write_text("no certificate")
    with pytest.raises(UsageError, match=r"a\.pem.*cannot be used.*its own key"):
        Settings.of(MonitorConfig(certificate=str(tmp_path / "a.pem"), key=str(tmp_path / "b.pem")))


def test_a_port_that_is_taken_is_named_with_the_remedy() -> None:
    with listening("127.0.0.1", 0) as taken, pytest.raises(UsageError, match="give another port"):
        listening("127.0.0.1", taken.getsockname()[1])


def test_an_address_that_is_not_this_computers_is_refused() -> None:
    with pytest.raises(UsageError, match=r"203\.0\.113\.7"):
        listening("203.0.113.7", 0)


def test_the_address_that_is_shown_can_be_opened() -> None:
    with listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert url_of(listener, is_secure=False) == f"http://127.0.0.1:{port}/"
        assert url_of(listener, is_secure=True) == f"https://127.0.0.1:{port}/"


@pytest.mark.parametrize(("host", "is_near"), [("127.0.0.2", True), ("::1", True), ("localhost", True), ("::", False)])
def test_loopback_is_told_from_the_network(host: str, is_near: bool) -> None:
    assert is_loopback(host) is is_near


def test_alerts_that_tell_nobody_are_refused() -> None:
    with pytest.raises(ValidationError, match="tell nobody"):
        AlertsConfig()
    with pytest.raises(ValidationError, match="two addresses"):
        AlertsConfig(webhook="https://a.example/", webhook_file="b")
