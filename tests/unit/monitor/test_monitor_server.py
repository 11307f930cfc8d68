"""The page's server on a socket: what it answers, and to whom it does not."""

from __future__ import annotations

import gzip
import http.client
import json
import shutil
import socket
import ssl
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from edge.monitor.gate import MOST_FROM_ONE
from edge.monitor.seats import MOST_STREAMS
from edge.monitor.stream import Stream
from edge.record.journal import Journal
from edge.record.maps_file import read_maps
from tests.unit.monitor.page_server import TOKENS, Served, drained, repeated, served, unpacked_part, until
from tests.unit.recordings.made import make_files, make_recording, measured, plan_table, preparation

OPEN_PATHS = ["/", "/app.js", "/page.css"]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_recording(tmp_path_factory.mktemp("page") / "scan").folder


@pytest.fixture(scope="module")
def page(recording: Path) -> Iterator[Served]:
    with served(recording) as page:
        yield page


@pytest.fixture(scope="module")
def guarded(recording: Path) -> Iterator[Served]:
    with served(recording, TOKENS, names=("scanner.museum.example",)) as page:
        yield page


def test_the_page_is_told_what_is_scanned_and_where(page: Served) -> None:
    scan = page.get("/api/scan").json
    assert scan["title"] == "A panel"
    assert scan["state"]["name"] == "finished"
    assert scan["grid"] == {"rows": 6, "columns": 8, "pitch_mm": [1.0, 1.0], "origin_mm": [10.0, 10.0]}
    assert [element["name"] for element in scan["elements"]] == ["Fe-K", "Pb-L"]
    assert scan["elements"][1]["lines_kev"][0]["kev"] == pytest.approx(10.55, abs=0.01)


def test_a_map_is_sent_to_within_a_step_of_its_range(page: Served, recording: Path) -> None:
    content = page.get("/api/map/1/estimate").body
    _, rows, columns, low, high = struct.unpack_from("<IHHff", content)
    steps = np.frombuffer(content, "<u2", rows * columns, 16).reshape(rows, columns)
    values = low + steps / 65_534 * (high - low)
    expected = read_maps(recording / "maps.h5").element_maps.maps[:, :, 1]
    # half a step of 65,534, and the rounding of 32 bits
    assert np.abs(values - expected).max() <= (high - low) / 65_534 * 0.51 + 1e-6


def test_exposures_are_sent_with_their_cells_and_live_times(page: Served) -> None:
    content = page.get("/api/cells").body
    (count,) = struct.unpack_from("<I", content)
    assert count == len(plan_table())
    row0, column0, row1, column1, live_s = struct.unpack_from("<HHHHf", content, 4)
    x_mm, y_mm = plan_table()[0, :2]
    assert (row0, column0) == (row1, column1) == (int(y_mm - 10), int(x_mm - 10))
    assert live_s == pytest.approx(0.1)


def test_exposures_are_packed_for_a_browser_that_unpacks_them(page: Served) -> None:
    packed = page.get("/api/cells", Accept_Encoding="gzip, deflate")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == page.get("/api/cells").body


def test_the_spectrum_of_a_measured_cell_is_its_own_and_of_another_the_nearest(page: Served) -> None:
    at = page.get("/api/spectrum?row=0&column=0").json
    beside = page.get("/api/spectrum?row=0&column=1").json
    assert at["measured"]
    assert at["nearest_mm"] == 0
    assert not beside["measured"]
    assert beside["nearest_mm"] == 1.0
    total = page.get("/api/spectrum/sum").json
    assert total["exposures"] == len(plan_table())
    assert sum(total["counts"]) > sum(at["counts"]) > 0


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/spectrum?row=0", 400),
        ("/api/spectrum?row=a&column=1", 400),
        ("/api/spectrum?row=99&column=1", 404),
        ("/api/spectrum?row=-1&column=1", 404),
        ("/api/map/7/estimate", 404),
        ("/api/map/0/../../scan.yaml", 404),
        ("/api/nothing", 404),
        ("/../wire.py", 404),
        ("/%2e%2e/wire.py", 404),
    ],
)
def test_what_is_not_there_is_no_fault_of_the_server(page: Served, path: str, status: int) -> None:
    assert page.get(path).status == status
    assert page.get("/api/scan").status == 200


@pytest.mark.parametrize("path", ["/api/scan", "/", "/api/nothing", "/api/map/0/estimate"])
def test_every_answer_forbids_scripts_from_elsewhere_frames_and_guessing_of_types(page: Served, path: str) -> None:
    headers = page.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == ("no-store" if path.startswith("/api") else "no-cache")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[::1", "a b"])
def test_a_name_that_somebody_else_pointed_here_gets_nothing(page: Served, host: str) -> None:
    with socket.create_connection(("127.0.0.1", page.port), timeout=30) as raw:
        raw.sendall(f"GET /api/scan HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65_536), b""))
    assert answer.split(b" ")[1] in {b"421", b"400"}
    assert b"A panel" not in answer


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "192.168.3.4", "Scanner.Museum.Example."])
def test_own_names_and_addresses_in_figures_are_answered(guarded: Served, host: str) -> None:
    assert guarded.get("/", Host=f"{host}:{guarded.port}").status == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://{here}", ""])
def test_a_command_from_another_page_is_refused(page: Served, origin: str) -> None:
    answer = page.post("/api/control", {"do": "stop"}, Origin=origin.format(here=page.here))
    assert answer.status == 403
    assert "another page" in answer.json["sentence"]


@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)]
)
def test_a_question_from_another_sites_page_is_refused(page: Served, site: str, status: int) -> None:
    assert page.get("/api/scan", Sec_Fetch_Site=site).status == status
    assert page.get("/", Sec_Fetch_Site=site).status == 200, "a link from elsewhere leads to the page"


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
def test_a_stream_to_another_page_is_refused(page: Served, origin: str) -> None:
    with pytest.raises(InvalidStatus), page.stream(origin=origin):
        pass


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_command_that_a_form_could_send_is_refused(page: Served, kind: str) -> None:
    assert page.post("/api/control", {"do": "stop"}, Content_Type=kind, **{"Content-Type": kind}).status == 400


@pytest.mark.parametrize("content", [{"do": "arm"}, {"do": "explode"}, {}, [], {"do": ["pause"]}, b"{", b"\xff", b""])
def test_what_is_no_command_is_refused_arming_among_it(page: Served, content: object) -> None:
    assert page.post("/api/control", content).status == 400


def test_a_command_to_a_scan_that_is_over_says_so(page: Served) -> None:
    answer = page.post("/api/control", {"do": "pause"})
    assert answer.status == 409
    assert "no scan listens" in answer.json["sentence"]


def test_a_body_that_is_too_long_is_refused_stated_or_not(page: Served) -> None:
    assert page.post("/api/control", b" " * 70_000).status == 413
    with socket.create_connection(("127.0.0.1", page.port), timeout=30) as raw:
        head = f"POST /api/control HTTP/1.1\r\nHost: {page.here}\r\nOrigin: http://{page.here}\r\n"
        raw.sendall((head + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n").encode())
        raw.sendall(b"11170\r\n" + b" " * 70_000 + b"\r\n0\r\n\r\n")
        assert raw.recv(65_536).split(b" ")[1] == b"400"


@pytest.mark.parametrize("path", ["/api/scan", "/api/cells", "/api/map/0/estimate", "/api/spectrum/sum", "/api/photo"])
def test_without_a_token_nothing_of_the_scan_is_told(guarded: Served, path: str) -> None:
    assert guarded.get(path).status == 401
    assert guarded.get(path, Cookie="pointillist=guessed").status == 401
    with pytest.raises(InvalidStatus), guarded.stream():
        pass


def test_the_page_itself_is_shown_to_everybody_for_it_asks_for_the_token(guarded: Served) -> None:
    for path in OPEN_PATHS:
        assert guarded.get(path).status == 200


def test_a_visitor_looks_and_does_nothing(guarded: Served) -> None:
    cookie = guarded.login(TOKENS.visitor)
    assert guarded.get("/api/scan", Cookie=cookie).json["role"] == "visitor"
    with guarded.stream(cookie=cookie) as stream:
        assert until(stream, "status")["exposures"]["done"] == len(plan_table())
    refused = guarded.post("/api/control", {"do": "pause"}, Cookie=cookie)
    assert refused.status == 403
    assert "visitors" in refused.json["sentence"]


def test_what_operators_do_is_noted_with_their_names(guarded: Served, recording: Path) -> None:
    ada, ben = guarded.login(TOKENS.operator, "Ada"), guarded.login(TOKENS.operator, "Ben\n\x1b[31m")
    for cookie in (ada, ben):
        guarded.post("/api/control", {"do": "pause"}, Cookie=cookie)
    noted = [json.loads(line) for line in (recording / "monitor-audit.log").read_text().splitlines()]
    assert [line["name"] for line in noted if line["what"] == "pause" and "name" in line][-2:] == ["Ada", "Ben[31m"]
    assert TOKENS.operator not in (recording / "monitor-audit.log").read_text()


def test_a_session_ends_with_logging_out(guarded: Served) -> None:
    cookie = guarded.login(TOKENS.operator)
    assert guarded.post("/api/logout", {}, Cookie=cookie).status == 200
    assert guarded.get("/api/scan", Cookie=cookie).status == 401


def test_a_session_is_kept_from_scripts_and_from_other_pages(guarded: Served) -> None:
    given = guarded.post("/api/login", {"token": TOKENS.visitor}).headers["set-cookie"].lower()
    assert "httponly" in given
    assert "samesite=strict" in given


def test_guesses_are_counted_and_the_right_token_has_to_wait_too(recording: Path) -> None:
    with served(recording, TOKENS) as page:
        guesses = [page.post("/api/login", {"token": f"guess-{number:012d}"}).status for number in range(7)]
        assert guesses == [401] * 5 + [429] * 2
        assert page.post("/api/login", {"token": TOKENS.operator}).status == 429


@pytest.mark.parametrize("content", [{}, {"token": 3}, {"token": None}, [], "x", b"{"])
def test_a_login_without_a_token_is_none(guarded: Served, content: object) -> None:
    assert guarded.post("/api/login", content).status == 400


def test_a_stream_shows_exposures_as_they_are_recorded(tmp_path: Path) -> None:
    paths = make_files(tmp_path / "scan")
    with Journal.create(paths.journal) as journal:
        journal.append([*preparation(), *measured(range(3))])
        with served(paths.folder) as page, page.stream() as stream:
            assert until(stream, "status")["exposures"]["recorded"] == 3
            journal.append(measured(range(3, 5)))
            first, count = struct.unpack_from("<II", until(stream, 1), 8)
            assert (first, count) == (3, 2)


def test_a_browser_gets_the_maps_that_it_looks_at_and_no_others(page: Served, recording: Path) -> None:
    with page.stream() as stream:
        stream.send(json.dumps({"type": "view", "elements": [1], "layers": ["error"]}))
        message = until(stream, 2)
    assert struct.unpack_from("<H", message, 2)[0] == 1
    element, layer, values = unpacked_part(message[12:])
    assert (element, layer) == (1, 1)
    expected = read_maps(recording / "maps.h5").element_maps.standard_error[: values.shape[0], : values.shape[1], 1]
    # half a step of 4,094
    assert np.abs(values - expected).max() <= np.ptp(expected) / 4_094 * 0.51 + 1e-7


@pytest.mark.parametrize(
    "message",
    [
        "",
        "no JSON",
        "[]",
        '{"type": "arm"}',
        '{"type": "ack", "n": 999999}',
        '{"type": "ack", "n": -1}',
        '{"type": "ack", "n": "1"}',
        '{"type": "view", "elements": [1e9], "layers": []}',
        '{"type": "view", "elements": [-1], "layers": []}',
        '{"type": "view", "elements": [true], "layers": []}',
        '{"type": "view", "elements": [], "layers": ["../maps"]}',
        '{"type": "view", "elements": [], "layers": [[]]}',
        "[" * 4_000,
        " " * 5_000,
        b"\x00\x01",
        "x" * 100_000,
    ],
)
def test_a_malformed_message_ends_its_stream_and_no_other(page: Served, message: str | bytes) -> None:
    with page.stream() as other, page.stream() as stream:
        stream.send(message)
        with pytest.raises(ConnectionClosed):
            drained(stream)
        assert until(other, "status")["state"]["name"] == "finished"


def await_nobody(page: Served) -> None:
    """Until the places of streams that were closed are free."""
    deadline = time.monotonic() + 60
    while page.page.streams:
        assert time.monotonic() < deadline, "places of streams that were closed are not free"
        time.sleep(0.01)


def test_only_so_many_may_look_on_and_a_place_that_is_left_is_free_again(page: Served) -> None:
    await_nobody(page)
    streams = [page.stream() for _ in range(MOST_STREAMS)]
    try:
        with pytest.raises(InvalidStatus), page.stream():
            pass
    finally:
        for stream in streams:
            stream.close()
    await_nobody(page)
    with page.stream() as stream:
        assert until(stream, "status")


@pytest.mark.parametrize(
    "content",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000,
        b"\r\n\r\n\r\n",
        b"\0",
    ],
)
def test_bytes_that_are_no_request_harm_nobody(page: Served, content: bytes) -> None:
    with socket.create_connection(("127.0.0.1", page.port), timeout=30) as raw:
        raw.sendall(content)
        raw.shutdown(socket.SHUT_WR)
        while raw.recv(65_536):
            pass
    assert page.get("/api/scan").status == 200


def test_a_browser_that_takes_nothing_is_let_go_and_can_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stream.__init__, "__kwdefaults__", {"slow_s": 0.2})
    paths = make_files(tmp_path / "scan")
    with Journal.create(paths.journal) as journal:
        journal.append(preparation())
        with served(paths.folder) as page:
            with page.stream() as asleep, pytest.raises(ConnectionClosed) as closed:
                drained(asleep)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1013
            with page.stream() as awake:
                assert until(awake, "status")


def test_over_tls_the_session_is_for_tls_alone(recording: Path, tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here to make a certificate with")
    certificate, key = tmp_path / "page.pem", tmp_path / "page.key"
    made = f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -keyout {key}"
    subprocess.run([openssl, *made.split(), "-out", str(certificate)], check=True, capture_output=True)
    with served(recording, TOKENS, certificate=certificate, key=key) as page:
        trusted = ssl.create_default_context(cafile=str(certificate))
        trusted.check_hostname = False
        connection = http.client.HTTPSConnection("127.0.0.1", page.port, context=trusted, timeout=30)
        headers = {"Origin": f"https://{page.here}", "Content-Type": "application/json"}
        connection.request("POST", "/api/login", json.dumps({"token": TOKENS.operator}), headers)
        answer = connection.getresponse()
        assert answer.status == 200
        assert "secure" in (answer.getheader("set-cookie") or "").lower()
        connection.close()
        with socket.create_connection(("127.0.0.1", page.port), timeout=30) as raw:
            raw.sendall(b"GET /api/scan HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"A panel" not in raw.recv(65_536)


def test_more_connections_than_there_is_room_for_are_dropped_and_the_page_comes_back(
    page: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    # however slowly they come: nobody has been there long enough to make room for others
    monkeypatch.setattr("edge.monitor.gate._GRACE_S", 600.0)
    held = []
    for _ in range(MOST_FROM_ONE + 20):
        made = socket.create_connection(("127.0.0.1", page.port), timeout=30)
        held.append(made)
    # one too many is closed without a word
    dropped = 0
    for made in held[MOST_FROM_ONE:]:
        with suppress(ConnectionResetError):
            assert made.recv(1) == b""
        dropped += 1
    assert dropped == 20
    for made in held:
        made.close()
    assert page.get("/api/scan").status == 200


def test_who_answers_the_same_again_and_again_is_let_go(tmp_path: Path) -> None:
    paths = make_files(tmp_path / "scan")
    with Journal.create(paths.journal) as journal:
        journal.append(preparation())
        with served(paths.folder) as page, page.stream() as stream:
            number = until(stream, "status")["n"]
            with pytest.raises(ConnectionClosed):
                repeated(stream, json.dumps({"type": "ack", "n": number}))


def test_whoever_saw_an_earlier_pause_than_the_present_one_does_not_end_that(page: Served) -> None:
    pauses = page.page.shown.status["link"]["interruptions"]
    stale = page.post("/api/control", {"do": "resume", "pauses": pauses - 1})
    assert (stale.status, "paused again" in stale.json["sentence"]) == (409, True)
    current = page.post("/api/control", {"do": "resume", "pauses": pauses})
    assert "no scan listens" in current.json["sentence"]
