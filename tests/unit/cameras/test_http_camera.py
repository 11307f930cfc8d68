"""A network camera gives whole pictures within bounds of time and size, or one sentence."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

from edge.cameras import open_camera
from edge.cameras.picture import png_of
from edge.configuration.camera import HttpCameraConfig
from edge.faults import DeviceError, UsageError


def scene(seed: int = 0, side: int = 96) -> np.ndarray:
    """A smooth picture with something in it, which JPEG changes little."""
    noise = np.random.default_rng(seed).normal(size=(side, side + 32, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 6)
    return np.clip(128 + 60 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def jpeg(image: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


@contextmanager
def answering(answer) -> Iterator[str]:
    """A server whose answer to each question is what a function of the handler writes."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                answer(self)
            except OSError:
                return

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/picture"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def giving(content: bytes, kind: str = "image/png", *, stated: int | None = None):
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(content) if stated is None else stated))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def streaming(pictures: list[bytes], *, states_length: bool, tail: bytes = b""):
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=part")
        handler.end_headers()
        for picture in pictures:
            length = f"Content-Length: {len(picture)}\r\n" if states_length else ""
            handler.wfile.write(f"--part\r\nContent-Type: image/jpeg\r\n{length}\r\n".encode() + picture + b"\r\n")
        handler.wfile.write(tail)

    return answer


def camera(url: str, **changes: object):
    return open_camera(HttpCameraConfig(url=url, **changes))


def test_a_snapshot_is_the_frame_and_its_address_the_identity():
    with answering(giving(png_of(scene()))) as url:
        frame = camera(url).capture()
    np.testing.assert_array_equal(frame.image, scene())
    assert frame.identity == url
    assert not frame.image.flags.writeable


def test_snapshots_are_asked_for_again_to_be_averaged():
    left = [scene() // 2, scene() // 2 + 10, scene() // 2 + 20]

    def answer(handler: BaseHTTPRequestHandler) -> None:
        giving(png_of(left.pop(0)))(handler)

    with answering(answer) as url:
        frame = camera(url, warm_up_frames=1, average_frames=2).capture()
    np.testing.assert_array_equal(frame.image, scene() // 2 + 15)


@pytest.mark.parametrize("states_length", [True, False])
def test_the_streams_next_whole_pictures_are_taken_after_those_of_the_warm_up(states_length):
    pictures = [jpeg(scene(1)), jpeg(scene(2)), jpeg(scene(3))]
    with answering(streaming(pictures, states_length=states_length, tail=b"--part\r\n")) as url:
        frame = camera(url, warm_up_frames=2).capture()
    # JPEG of quality 95 keeps a smooth picture within a few levels
    assert np.abs(frame.image.astype(int) - scene(3)).mean() < 3


def test_a_stream_that_ends_in_mid_picture_is_a_lost_camera():
    torn = streaming([jpeg(scene())], states_length=True, tail=b"--part\r\nContent-Length: 9999\r\n\r\n\xff\xd8\xff")
    with answering(torn) as url, pytest.raises(DeviceError, match="ended its stream: start it again"):
        camera(url, warm_up_frames=1).capture()


def test_a_snapshot_cut_off_in_the_middle_is_a_lost_camera():
    content = png_of(scene())
    with (
        answering(giving(content[:500], stated=len(content))) as url,
        pytest.raises(DeviceError, match=r"lost in mid-picture|not a whole picture"),
    ):
        camera(url).capture()


def test_an_answer_that_never_ends_is_given_up_in_time():
    ended = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "image/png")
        handler.end_headers()
        while not ended.wait(0.01):
            handler.wfile.write(b"x")

    with answering(answer) as url, pytest.raises(DeviceError, match=r"no whole picture came within 0\.2 s"):
        camera(url, timeout_s=0.2).capture()
    ended.set()


def test_a_header_that_never_ends_is_given_up_in_time():
    ended = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.0 200 OK\r\nX-Slow: ")
        for _ in range(150):
            handler.wfile.write(b"x")
            ended.wait(0.01)
        handler.wfile.write(b"\r\n")
        giving(png_of(scene()))(handler)

    with answering(answer) as url, pytest.raises(DeviceError, match=r"no whole picture came within 0\.2 s"):
        camera(url, timeout_s=0.2).capture()
    ended.set()


def test_an_address_that_says_nothing_is_given_up_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(DeviceError, match=r"no whole picture came within 0\.2 s"):
            camera(url, timeout_s=0.2).capture()


def test_a_picture_that_is_too_large_is_refused_while_it_comes(monkeypatch):
    monkeypatch.setattr("edge.cameras.http._MOST_BYTES", 1_000_000)
    with (
        answering(giving(bytes(3_000_000))) as url,
        pytest.raises(DeviceError, match="a picture of more than 0 MB: have the camera send smaller ones"),
    ):
        camera(url).capture()


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_unpacked():
    content = bytearray(png_of(scene()))
    content[16:24] = (40_000).to_bytes(4) * 2
    with (
        answering(giving(bytes(content))) as url,
        pytest.raises(DeviceError, match="40000 x 40000 pixels are more than the 300 million"),
    ):
        camera(url).capture()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (giving(b"<html>", "text/html"), "answers with text/html, not a picture"),
        (giving(b"nothing"), "not a whole picture"),
        (giving(png_of(np.zeros((96, 128, 3), np.uint8))), "black: take the lens cap off"),
        (lambda handler: handler.send_error(404), r"refuses \(404 Not Found\): check instrument\.camera\.url"),
        (lambda handler: handler.send_error(401), r"refuses \(401 Unauthorized\): check instrument\.camera\.cred"),
        (streaming([], states_length=True, tail=bytes(20_000)), "the stream is no MJPEG"),
    ],
)
def test_what_is_no_picture_is_one_sentence(answer, words):
    with answering(answer) as url, pytest.raises(DeviceError, match=words):
        camera(url).capture()


def test_a_camera_that_is_off_is_one_sentence():
    with socket.socket() as deaf:
        # nobody else gets its number, and nobody listens
        deaf.bind(("127.0.0.1", 0))
        with pytest.raises(DeviceError, match=r"no camera answers \(.*\): switch it on"):
            camera(f"http://127.0.0.1:{deaf.getsockname()[1]}/").capture()


def test_the_credentials_files_user_is_who_asks(tmp_path):
    (tmp_path / "login").write_text("ada:secret\n")

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.headers.get("Authorization") == "Basic YWRhOnNlY3JldA==":
            giving(png_of(scene()))(handler)
            return
        handler.send_response(401)
        handler.send_header("WWW-Authenticate", 'Basic realm="camera"')
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with answering(answer) as url:
        assert camera(url, credentials=str(tmp_path / "login")).capture().image.shape == scene().shape


def asking_for(login: str):
    def answer(handler: BaseHTTPRequestHandler) -> None:
        if (handler.headers.get("Authorization") or "").startswith('Digest username="ada"'):
            giving(png_of(scene()))(handler)
            return
        handler.send_response(401)
        handler.send_header("WWW-Authenticate", login)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


DIGEST = 'Digest realm="camera", nonce="5ca1ab1e", qop="auth", algorithm=MD5'


def test_the_credentials_files_user_is_who_asks_by_digest(tmp_path):
    (tmp_path / "login").write_text("ada:secret\n")
    with answering(asking_for(DIGEST)) as url:
        assert camera(url, credentials=str(tmp_path / "login")).capture().image.shape == scene().shape


@pytest.mark.parametrize("login", [DIGEST, 'Bearer realm="camera"', "Negotiate", "Digest"])
def test_a_login_without_a_user_asks_for_credentials(login):
    with answering(asking_for(login)) as url, pytest.raises(DeviceError, match=r"a login .* in instrument"):
        camera(url).capture()


@pytest.mark.parametrize("login", ["Bearer", 'Digest realm="camera", nonce="1", algorithm=SHA-512-256', "Digest a="])
def test_a_login_that_is_not_known_names_those_that_are(login, tmp_path):
    (tmp_path / "login").write_text("bob:secret\n")
    with answering(asking_for(login)) as url, pytest.raises(DeviceError, match="set the camera to Basic, or to Digest"):
        camera(url, credentials=str(tmp_path / "login")).capture()


@pytest.mark.parametrize("url", ["http://a..b/", "http://camera:port/"])
def test_an_address_that_is_no_host_is_one_sentence(url):
    with pytest.raises(DeviceError, match=r"no address of a camera: correct instrument\.camera\.url"):
        camera(url).capture()


def test_a_file_without_credentials_is_named(tmp_path):
    (tmp_path / "login").write_text("ada\n")
    with pytest.raises(UsageError, match="not credentials: write one line, user:password"):
        camera("http://127.0.0.1:9/", credentials=str(tmp_path / "login")).capture()
