"""The journal's tables, how a connection to them is opened, and what SQLite's complaints mean for the operator."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote

from edge.faults import EdgeError, IntegrityError, UsageError
from edge.record.wal import PAGE_SIZE

APPLICATION_ID = 0x504E544C
"""``PNTL``, in the file's header: a journal of Pointillist."""
FORMAT_VERSION = 5
"""In the file's header as ``user_version``; raised whenever an older reader would misread."""
_WITHOUT_UNCERTAINTY = 1
"""The format whose exposures say nothing of their poses' uncertainty; read as it is, brought up to date to go on."""
_WITHOUT_CORRECTIONS = 2
"""The format whose readers know no event ``corrected``, and none of a standard; its tables are the present ones."""
_WITHOUT_LEFT_OUT = 3
"""The format whose readers know no event ``left-out``, ``judged`` or ``concluded``, and of no closing whether it cut an
exposure short."""
_WITHOUT_BLOCKS = 4
"""The format whose exposures all stand in rows of their own."""
ReadMode = Literal["ro", "untouched"]
"""How a journal is opened to be read: beside a writer, or where none is and nothing may be left behind."""
Mode = Literal["rw", "rwc"] | ReadMode
_MAX_VALUE = 80 * 1024 * 1024
_WAIT_S = 10.0
_MOST_RECORDS_IN_PAGE = 8 * PAGE_SIZE
"""More exposures than that no block can hold in so many bytes, however equal they are."""

TRUNCATED = 2
"""`firmware_bridge.messages.ExposureFlag.TRUNCATED`: such an exposure is repeated under its own index."""

_UNCERTAINTY = ", pose_uncertainty_mm REAL"
SCHEMA = (
    "CREATE TABLE events (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, at TEXT NOT NULL, body BLOB NOT NULL,"
    " crc INTEGER NOT NULL)",
    "CREATE TABLE exposures (seq INTEGER PRIMARY KEY, exposure_index INTEGER NOT NULL, at TEXT NOT NULL,"
    " start_x_mm REAL, start_y_mm REAL, end_x_mm REAL, end_y_mm REAL, real_s REAL, live_s REAL, opened_at_s REAL,"
    " closed_at_s REAL, input_rate_hz REAL, output_rate_hz REAL, flags INTEGER NOT NULL, channels INTEGER NOT NULL,"
    f" spectrum BLOB NOT NULL, crc INTEGER NOT NULL{_UNCERTAINTY})",
    f"CREATE UNIQUE INDEX complete_once ON exposures (exposure_index) WHERE (flags & {TRUNCATED}) = 0",
    f"CREATE INDEX truncated ON exposures (exposure_index) WHERE (flags & {TRUNCATED}) <> 0",
    "CREATE TABLE extent (id INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL, crc INTEGER NOT NULL)",
    "CREATE TABLE blocks (last_seq INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL, exposures INTEGER NOT NULL,"
    " channels INTEGER NOT NULL, planes INTEGER NOT NULL, columns BLOB NOT NULL, spectra BLOB NOT NULL,"
    " crc INTEGER NOT NULL)",
)
"""Events and exposures, in ``exposures`` or packed in ``blocks``, share one running number from 1 without gaps;
``extent`` holds the last, in one row."""

_BLOCKS = SCHEMA[-1]
_UNPACKED = SCHEMA[:-1]
SCHEMA_OF = {
    _WITHOUT_UNCERTAINTY: tuple(statement.replace(_UNCERTAINTY, "") for statement in _UNPACKED),
    _WITHOUT_CORRECTIONS: _UNPACKED,
    _WITHOUT_LEFT_OUT: _UNPACKED,
    _WITHOUT_BLOCKS: _UNPACKED,
    FORMAT_VERSION: SCHEMA,
}
"""The statements that made a journal's tables, by its format."""

EVENT_COLUMNS = "seq, kind, at, body, crc"
EXPOSURE_COLUMNS = (
    "seq, exposure_index, at, start_x_mm, start_y_mm, end_x_mm, end_y_mm, real_s, live_s, opened_at_s, closed_at_s,"
    " input_rate_hz, output_rate_hz, flags, channels, spectrum, crc, pose_uncertainty_mm"
)
BLOCK_COLUMNS = "last_seq, first_seq, exposures, channels, planes, columns, spectra, crc"
_BLOCKS_FROM = (
    f"SELECT {BLOCK_COLUMNS} FROM blocks WHERE last_seq >= ? AND typeof(first_seq) = 'integer' ORDER BY last_seq"
)


def blocks_within(connection: sqlite3.Connection, first: int, last: int) -> Iterator[tuple[Any, ...]]:
    """Stored blocks that reach into a range of records, one after the other; none in a format without them."""
    if version_of(connection) > _WITHOUT_BLOCKS:
        for block in connection.execute(_BLOCKS_FROM, (first,)):
            if block[1] > last:
                return
            yield block


def exposure_columns(connection: sqlite3.Connection) -> str:
    """What to select for an exposure's row, whatever the journal's format; to be asked anew in each transaction."""
    is_stated = version_of(connection) > _WITHOUT_UNCERTAINTY
    return EXPOSURE_COLUMNS if is_stated else EXPOSURE_COLUMNS.replace("pose_uncertainty_mm", "NULL")


def connect(path: Path, mode: Mode) -> sqlite3.Connection:
    """Open a connection without touching the file by other means.

    Closing any other descriptor of the file would drop this process's locks on it, so nothing here reads it directly.
    A read-only connection cannot undo a change of journal mode that was cut off; that is done first.

    Parameters
    ----------
    mode
        ``untouched`` reads a journal that nobody writes, and leaves no trace in the folder; a log is read too, if its
        index (``-shm``) lies there. What a writer does meanwhile would be misread.
    """
    uri = f"file:{quote(str(path.absolute()))}?mode={'ro' if mode == 'untouched' else mode}"
    if mode == "untouched":
        uri += "&readonly_shm=1" if wal_path(path).exists() else "&immutable=1"
    if mode == "ro":
        if path.with_name(path.name + "-journal").exists():
            with contextlib.closing(connect(path, "rw")) as recovery:
                recovery.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        elif not os.access(path.parent, os.W_OK) and not wal_path(path).exists():
            uri += "&immutable=1"
    connection = sqlite3.connect(uri, uri=True, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
    connection.text_factory = bytes
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_VALUE)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


def lay_out(connection: sqlite3.Connection) -> None:
    """Make the tables of an empty journal."""
    connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
    for statement in SCHEMA:
        connection.execute(statement)
    connection.execute("INSERT INTO extent VALUES (1, 0, ?)", (extent_crc(0),))
    connection.execute("COMMIT")


def identify(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse what is not a journal, or one that this version cannot read.

    The schema is compared to the letter: views and triggers of a hostile file never run.

    Raises
    ------
    IntegrityError
        A foreign database, a newer format, or a damaged schema.
    """
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = version_of(connection)
    if application != APPLICATION_ID:
        raise IntegrityError(f"{path}: not a journal of Pointillist but another database: give a recording's folder")
    if version > FORMAT_VERSION:
        raise IntegrityError(
            f"{path}: written in format {version}, newer than this version's {FORMAT_VERSION}: upgrade Pointillist"
        )
    stored = connection.execute(
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid LIMIT 20"
    ).fetchall()
    if sorted(sql for (sql,) in stored) != sorted(statement.encode() for statement in SCHEMA_OF.get(version, ())):
        raise IntegrityError(f"{path}: the journal's tables are damaged or altered: restore the file from a copy")


def bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Give an identified journal of an older format the present one's tables, all at once; its records stay."""
    version = version_of(connection)
    if version < FORMAT_VERSION:
        connection.execute("BEGIN IMMEDIATE")
        if version == _WITHOUT_UNCERTAINTY:
            connection.execute(f"ALTER TABLE exposures ADD COLUMN{_UNCERTAINTY.removeprefix(',')}")
        connection.execute(_BLOCKS)
        connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
        connection.execute("COMMIT")


def version_of(connection: sqlite3.Connection) -> int:
    """The format that a journal is written in."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def extent_crc(last_seq: int) -> int:
    """Check sum of the row that says how far the journal goes."""
    return zlib.crc32(struct.pack("<q", last_seq))


def read_extent(connection: sqlite3.Connection, path: Path) -> int:
    """The last record's number, 0 when there is none.

    Raises
    ------
    IntegrityError
        The row is missing, its check sum differs, or it claims more records than the file can hold.
    """
    row = connection.execute("SELECT last_seq, crc FROM extent WHERE id = 1").fetchone()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    if row is None or not isinstance(row[0], int) or row[1] != extent_crc(row[0]):
        raise IntegrityError(f"{path}: the record that says how far the journal goes is damaged: restore a copy")
    last_seq: int = row[0]
    if not 0 <= last_seq <= pages * _MOST_RECORDS_IN_PAGE:
        raise IntegrityError(
            f"{path}: the journal claims {last_seq} records, more than the file can hold: restore a copy"
        )
    return last_seq


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's complaints about reading into one sentence of the application's own."""
    try:
        yield
    except sqlite3.Error as error:
        raise complaint(path, error) from None
    except UnicodeDecodeError:
        # what SQLite says of damage in its tables' own text quotes it, whatever its bytes are
        raise IntegrityError(f"{path}: the journal's tables are damaged: restore the file from a copy") from None


_COMPLAINTS: Final[tuple[tuple[tuple[str, ...], type[EdgeError], str], ...]] = (
    (
        ("SQLITE_NOTADB",),
        IntegrityError,
        "not a journal, or its beginning is damaged: restore the file from a copy",
    ),
    (
        ("SQLITE_CANTOPEN", "SQLITE_READONLY"),
        UsageError,
        "cannot be opened: copy the recording to a folder that this user may write",
    ),
    (("SQLITE_FULL",), UsageError, "cannot be written, the disk is full: free some space"),
    (("SQLITE_IOERR_SHORT_READ",), IntegrityError, "the journal was cut off: keep the file, and restore a copy"),
    (
        ("SQLITE_IOERR",),
        UsageError,
        "cannot be read or written, for its disk reports errors: copy the recording to another disk",
    ),
    (("SQLITE_BUSY", "SQLITE_LOCKED"), UsageError, "another process is writing: wait until it has ended"),
)
"""What SQLite's errors begin with, and what they mean."""


def complaint(path: Path, error: sqlite3.Error) -> EdgeError:
    """The application's exception for a failed read or open."""
    if not path.exists():
        return UsageError(f"{path}: no such journal: give the folder of a recording")
    name = getattr(error, "sqlite_errorname", "")
    for beginnings, kind, text in _COMPLAINTS:
        if name.startswith(beginnings):
            return kind(f"{path}: {text}")
    return IntegrityError(f"{path}: the journal is damaged ({error}): keep the file, and restore a copy")


def wal_path(path: Path) -> Path:
    """SQLite's write-ahead log beside a journal."""
    return path.with_name(path.name + "-wal")
