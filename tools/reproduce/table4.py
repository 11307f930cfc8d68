"""Table IV of Dai et al. (2017): NetM trained after NetE, or with it, at a tenth of the cells."""

from __future__ import annotations

from tools.reproduce import published
from tools.reproduce.crops_table import CropsTable, with_diffused

_FORMS = ("netm-pre-train-joint", "netm-rand-init-joint", "netm-sequential")

TABLE = CropsTable(
    title="Table IV: how NetM is trained",
    about="Networks of the published form, trained with NetE or after it, beside rivals and the one shipped.",
    rates=(published.TABLE_IV_RATE,),
    masks=("random", "airs", "kbas", "mascar", *with_diffused(_FORMS), "netm"),
    methods=("nete", "harmonic", "mumford-shah"),
    references=("random", "netm-sequential"),
    published_db={published.TABLE_IV_RATE: published.TABLE_IV_DB},
    published_s={},
    published_forms=_FORMS,
)
HELP = "Table IV: NetM trained after NetE, or with it"
