"""A network camera asked over HTTP: a snapshot, or the next whole pictures of an MJPEG stream."""

from __future__ import annotations

import http.client
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.error import HTTPError, URLError

from numpy.typing import NDArray

from edge.cameras.credentials import read_credentials
from edge.cameras.exposures import averaged
from edge.cameras.frame import Frame, checked_frame
from edge.cameras.http_in_time import HttpInTime, HttpsInTime
from edge.cameras.picture import Picture, decode_picture
from edge.configuration.camera import HttpCameraConfig
from edge.faults import DeviceError

_MOST_BYTES: Final = 256 * 1024 * 1024
_MOST_HEADER_BYTES: Final = 16 * 1024
_CHUNK: Final = 64 * 1024
_PART_END: Final = re.compile(rb"\xff\xd9(?=\s{0,4}--)")
"""The end of a JPEG before the next part's boundary."""
_LONGEST_PART_END: Final = 8


class HttpCamera:
    """A camera with an address. Answers of type ``image/...`` are one picture, ``multipart/...`` a stream of them."""

    def __init__(self, config: HttpCameraConfig, *, now: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._now = now
        self._deadline_s = 0.0
        self._last: Picture | None = None

    def capture(self) -> Frame:
        config = self._config
        image, last = self._picture(), self._last
        assert last is not None
        return checked_frame(
            image,
            identity=last.identity(config.url),
            taken_at_s=time.time(),
            name=config.url,
            profile=last.profile,
        )

    def _picture(self) -> NDArray[Any]:
        config = self._config
        with self._answer() as answer:
            kind = answer.headers.get_content_maintype()
            if kind == "multipart":
                parts = self._parts(answer)
                return self._averaged(lambda: self._decoded(self._next(parts)))
            if kind != "image":
                raise DeviceError(
                    f"{config.url}: answers with {answer.headers.get_content_type()}, not a picture: give the address "
                    "of the camera's snapshot or MJPEG stream"
                )
            first: list[bytes] = [self._body(answer)]
        return self._averaged(lambda: self._decoded(first.pop() if first else self._snapshot()))

    def _averaged(self, next_picture: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        config = self._config
        return averaged(
            next_picture,
            warm_up_frames=config.warm_up_frames,
            average_frames=config.average_frames,
            name=config.url,
        )

    def _snapshot(self) -> bytes:
        with self._answer() as answer:
            return self._body(answer)

    @contextmanager
    def _answer(self) -> Iterator[http.client.HTTPResponse]:
        """The camera's answer to one question; whatever goes wrong with it is one sentence."""
        url = self._config.url
        self._deadline_s = self._now() + self._config.timeout_s
        try:
            with self._opened() as answer:
                yield answer
        except HTTPError as error:
            remedy = (
                "check instrument.camera.credentials" if error.code in (401, 403) else "check instrument.camera.url"
            )
            raise DeviceError(f"{url}: the camera refuses ({error.code} {error.reason}): {remedy}") from None
        except TimeoutError:
            raise self._too_slow() from None
        except URLError as error:
            if isinstance(error.reason, TimeoutError):
                raise self._too_slow() from None
            raise DeviceError(
                f"{url}: no camera answers ({_words(error.reason)}): switch it on, check the network and "
                "instrument.camera.url"
            ) from None
        except (OSError, http.client.HTTPException) as error:
            raise DeviceError(
                f"{url}: the camera was lost in mid-picture ({_words(error)}): check the network"
            ) from None

    def _opened(self) -> http.client.HTTPResponse:
        config = self._config
        opener = _opener(config, lambda: self._deadline_s - self._now())
        try:
            answer: http.client.HTTPResponse = opener.open(config.url, timeout=config.timeout_s)
        except (UnicodeError, http.client.InvalidURL):
            raise DeviceError(f"{config.url}: no address of a camera: correct instrument.camera.url") from None
        except (ValueError, IndexError):
            # what urllib says to a login that it does not know, or knows and has no user for
            remedy = (
                "name a file with user and password in instrument.camera.credentials"
                if config.credentials is None
                else "set the camera to Basic, or to Digest with MD5"
            )
            raise DeviceError(f"{config.url}: the camera asks for a login that it does not get: {remedy}") from None
        return answer

    def _too_slow(self) -> DeviceError:
        return DeviceError(
            f"{self._config.url}: no whole picture came within {self._config.timeout_s:g} s: check the network, or "
            "raise instrument.camera.timeout_s"
        )

    def _body(self, answer: http.client.HTTPResponse) -> bytes:
        content = bytearray()
        while chunk := answer.read1(_CHUNK):
            content += chunk
            self._refuse_huge(len(content))
        return bytes(content)

    def _refuse_huge(self, size: int) -> None:
        if size > _MOST_BYTES:
            raise DeviceError(
                f"{self._config.url}: a picture of more than {_MOST_BYTES // 2**20} MB: have the camera send smaller "
                "ones"
            )

    def _decoded(self, content: bytes) -> NDArray[Any]:
        picture = decode_picture(content, self._config.url)
        if picture is None:
            raise DeviceError(
                f"{self._config.url}: what came is not a whole picture: have the camera send JPEG or PNG, and check "
                "the network"
            )
        self._last = picture
        return picture.image

    def _next(self, parts: Iterator[bytes]) -> bytes:
        """The stream's next picture, within the time for one."""
        self._deadline_s = self._now() + self._config.timeout_s
        part = next(parts, None)
        if part is None:
            raise DeviceError(f"{self._config.url}: the camera ended its stream: start it again, or raise its limits")
        return part

    def _parts(self, answer: http.client.HTTPResponse) -> Iterator[bytes]:
        """Whole pictures of a multipart stream: by their stated length, or else from JPEG's beginning to its end."""
        held = bytearray()

        def more() -> bool:
            chunk = answer.read1(_CHUNK)
            held.extend(chunk)
            self._refuse_huge(len(held))
            return bool(chunk)

        while True:
            while (header_end := held.find(b"\r\n\r\n")) < 0:
                if len(held) > _MOST_HEADER_BYTES:
                    raise DeviceError(f"{self._config.url}: the stream is no MJPEG: give the address of one")
                if not more():
                    return
            length = _length(bytes(held[:header_end]))
            del held[: header_end + 4]
            if length is not None:
                self._refuse_huge(length)
                while len(held) < length:
                    if not more():
                        return
                yield bytes(held[:length])
                del held[:length]
                continue
            looked = 0
            while (end := _PART_END.search(held, looked)) is None:
                looked = max(0, len(held) - _LONGEST_PART_END)
                if not more():
                    return
            whole = end.end()
            yield bytes(held[:whole])
            del held[:whole]


def _length(header: bytes) -> int | None:
    found = re.search(rb"(?im)^content-length:\s*(\d{1,12})\s*$", header)
    return int(found.group(1)) if found else None


def _opener(config: HttpCameraConfig, time_left_s: Callable[[], float]) -> urllib.request.OpenerDirector:
    """Talks HTTP to the camera itself: neither through a proxy nor, after a redirection, to a file."""
    opener = urllib.request.OpenerDirector()
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    credentials = read_credentials(config.credentials)
    if credentials is not None:
        passwords.add_password(None, config.url, *credentials)
    for each in (
        HttpInTime(time_left_s),
        HttpsInTime(time_left_s),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPBasicAuthHandler(passwords),
        urllib.request.HTTPDigestAuthHandler(passwords),
    ):
        opener.add_handler(each)
    return opener


def _words(error: Any) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
