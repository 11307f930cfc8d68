"""What requests share: the recording that is shown, and the one before."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from edge.monitor.access import Access
from edge.monitor.audit import Audit
from edge.monitor.page import Page
from edge.monitor.shown import Shown
from edge.monitor.tokens import Tokens


class Watched:
    """In the place of what is shown."""

    def __init__(self) -> None:
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True


def test_what_was_shown_is_let_go_of_once_nobody_can_be_at_it_any_more() -> None:
    several = [Watched() for _ in range(3)]
    page = Page(cast(Shown, several[0]), Access(Tokens()), Audit(None))
    closed = []
    for each in several[1:]:
        page.show(cast(Shown, each), Audit(Path("scan")))
        closed.append([one.is_closed for one in several])
    assert closed == [[False, False, False], [True, False, False]]
