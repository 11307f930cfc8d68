"""The shell of a page in the reports' style."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources

from edge.report.wording import escaped


def document(title: str, body: Sequence[str], *, before: str = "") -> str:
    """A whole page that asks for nothing outside itself and runs no script.

    Parameters
    ----------
    title
        Plain text.
    body
        Markup of the main part.
    before
        Markup before it.
    """
    style = resources.files("edge.report").joinpath("page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    return "".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f"<title>{escaped(title)}</title>\n<style>{style}</style>\n",
            "</head>\n<body>\n",
            before,
            "\n<main>\n",
            *body,
            "</main>\n</body>\n</html>\n",
        ]
    )
