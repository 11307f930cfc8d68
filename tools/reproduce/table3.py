"""Table III of Dai et al. (2017): a network's mask against regular sub-sampling of every fifth cell both ways."""

from __future__ import annotations

from tools.reproduce import page, published
from tools.reproduce.stacks_table import FORMS, METHODS, StacksTable

_RATE = 0.04
HELP = "Table III: a network's mask beside regular sub-sampling, at 4 %"


def _published_lines() -> list[str]:
    rows = [[name, f"{rmse:.4f}, {db:.2f}, {angle:.2f}"] for name, (rmse, db, angle) in published.TABLE_III.items()]
    return [
        "## As published",
        "",
        "The paper retrained its network for this rate and compared its fusion from that mask with their earlier "
        "super-resolution from the grid: here `ssr` from `grid`, every fifth cell both ways. Networks here take the "
        "rate as an input, and `grid` stands under all other reconstructions, too.",
        "",
        *page.table(["", "RMSE, PSNR, angle"], rows),
    ]


TABLE = StacksTable(
    title="Table III: a mask against regular sub-sampling",
    about="Element maps reconstructed from a 25th of the cells, as in Table III of Dai et al. (2017).",
    rates=(_RATE,),
    masks=("random", "grid", "blue-noise", "gradient", *FORMS, "netm"),
    stacks=("portrait", "panel"),
    published=_published_lines(),
    methods=(*METHODS, "ssr"),
    only={"fusion": ("grid", "netm"), "ssr": ("grid",)},
)
