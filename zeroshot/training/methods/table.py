"""Every way of training by its name: what `zeroshot train --method` knows."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from zeroshot.training.methods.albar import ALBAR
from zeroshot.training.methods.dbse import DBSE
from zeroshot.training.methods.dct import DCT
from zeroshot.training.methods.independent import INDEPENDENT
from zeroshot.training.methods.label_noise import LABEL_NOISE
from zeroshot.training.methods.label_smoothing import LABEL_SMOOTHING
from zeroshot.training.methods.plain import PLAIN
from zeroshot.training.methods.provenance import PROVENANCE
from zeroshot.training.methods.rebias import REBIAS
from zeroshot.training.methods.sdn import SDN
from zeroshot.training.methods.seo import SEO
from zeroshot.training.methods.static_dropout import STATIC_DROPOUT
from zeroshot.training.methods.stillmix import STILLMIX
from zeroshot.training.methods.streams import STREAMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zeroshot.training.methods.method import Method

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "streams": STREAMS,
        "independent": INDEPENDENT,
        "plain": PLAIN,
        "albar": ALBAR,
        "rebias": REBIAS,
        "dct": DCT,
        "dbse": DBSE,
        "stillmix": STILLMIX,
        "seo": SEO,
        "label-noise": LABEL_NOISE,
        "label-smoothing": LABEL_SMOOTHING,
        "sdn": SDN,
        "static-dropout": STATIC_DROPOUT,
        "provenance": PROVENANCE,
    }
)

DEFAULT_METHOD = "streams"
