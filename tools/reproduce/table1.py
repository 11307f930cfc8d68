"""Table I of Dai et al. (2017): masks by reconstructions at three rates, with what a mask takes."""

from __future__ import annotations

from tools.reproduce import published
from tools.reproduce.crops_table import CropsTable, with_diffused

_FORMS = ("netm-code",)

TABLE = CropsTable(
    title="Table I: masks by reconstructions",
    about="Masks on photographs, under reconstructions of RGB from the cells that they choose.",
    rates=(0.05, 0.1, 0.2),
    masks=(
        *("random", "grid", "blue-noise", "gradient", "laplacian", "airs", "kbas", "mascar"),
        *with_diffused(_FORMS),
        *("netm", "netm-photograph", "pixel-exchange"),
    ),
    methods=(*published.METHODS, "linear", "biharmonic", "kriging"),
    references=("random", "laplacian", "netm-photograph"),
    published_db=published.TABLE_I_DB,
    published_s=published.TABLE_I_MASK_S,
    published_forms=_FORMS,
    same_as={"netm-code": "netm"},
)
HELP = "Table I: masks by reconstructions, crops of photographs"
