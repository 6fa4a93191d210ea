"""RootConfigData: the text by which a debtor sets the interest rate, the issuing limit and the info document."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sandbox.protocol.identity import MAX_INT64

_TYPE_PATTERN = re.compile(r"RootConfigData(-v[1-9][0-9]{0,5})?")


class DebtorInfo(msgspec.Struct, frozen=True):
    """Where the currency's CoinInfo document can be fetched."""

    iri: Annotated[str, Meta(max_length=200)]
    type: Literal["DebtorInfo"] = "DebtorInfo"
    content_type: Annotated[str, Meta(max_length=100, pattern=r"^[\x01-\x7f]*$")] = msgspec.field(
        name="contentType", default=""
    )
    sha256: Annotated[str, Meta(pattern=r"^([0-9A-F]{64})?$")] = ""


class RootConfig(msgspec.Struct, frozen=True):
    """Settings of a currency. `rate` in percent per year, `limit` in tokens. Unknown properties are ignored."""

    rate: Annotated[float, Meta(ge=-50.0, le=100.0)] = 0.0
    limit: Annotated[int, Meta(ge=0, le=MAX_INT64)] = MAX_INT64
    info: DebtorInfo | None = None
    type: str = "RootConfigData"


_DECODER = msgspec.json.Decoder(RootConfig)


def parse_root_config(config_data: str) -> RootConfig:
    """Reads `config_data` of a root account; the empty string means defaults. Raises ValueError."""
    if not config_data:
        return RootConfig()
    config = _DECODER.decode(config_data.encode())
    if not _TYPE_PATTERN.fullmatch(config.type):
        raise ValueError(f"not a RootConfigData: {config.type!r}")
    return config


def render_root_config(config: RootConfig) -> str:
    """The JSON text of a root configuration."""
    body: dict[str, object] = {"type": config.type, "rate": config.rate, "limit": config.limit}
    if config.info is not None:
        info = {"type": config.info.type, "iri": config.info.iri}
        if config.info.content_type:
            info["contentType"] = config.info.content_type
        if config.info.sha256:
            info["sha256"] = config.info.sha256
        body["info"] = info
    return msgspec.json.encode(body).decode()
