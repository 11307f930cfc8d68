"""The shell of a page in the reports' style."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources

from edge.report.wording import escaped


def document(title: str, body: Sequence[str], *, before: str = "", foot: str = "") -> str:
    """A whole page that asks for nothing outside itself and runs no script.

    Parameters
    ----------
    title
        Plain text.
    body
        Markup of the main part.
    before
        Markup before it.
    foot
        Plain text at the foot of each printed sheet, beside its number.
    """
    style = resources.files("edge.report").joinpath("page.css").read_text(encoding="utf-8")
    if foot:
        style += f'@page {{ @bottom-left {{ content: "{_quoted(foot)}"; }} }}\n'
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


def _quoted(text: str) -> str:
    """As the content of a string in a style sheet, whatever is in it (CSS Syntax Level 3, 4.3.7)."""
    return "".join(letter if letter.isascii() and letter.isalnum() else f"\\{ord(letter):x} " for letter in text)
