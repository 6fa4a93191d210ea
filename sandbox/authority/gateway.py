"""The gateway between an authority and the exchanges of a creditors agent: who hears which message, and where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from bridge.wire.ports import Delivery, Publication, Source, Target
from bridge.wire.sharding import binary_routing_key
from bridge.wire.topology import CREDITORS_IN
from sandbox.authority.core import Authority
from sandbox.protocol import smp
from sandbox.protocol.identity import DEFAULT_MAX_COLLECTOR_ID, DEFAULT_MIN_COLLECTOR_ID, ROOT_CREDITOR_ID
from sandbox.protocol.peer import Peer

APP_ID = "swpt_accounts"

_REPLIES = (smp.RejectedTransfer, smp.PreparedTransfer, smp.FinalizedTransfer)


@dataclass(frozen=True, slots=True)
class Gateway:
    """Addresses the authority's messages. Creditor IDs in the range (both ends included) are collectors."""

    min_collector_id: int = DEFAULT_MIN_COLLECTOR_ID
    max_collector_id: int = DEFAULT_MAX_COLLECTOR_ID

    def is_collector(self, creditor_id: int) -> bool:
        """Whether the account belongs to the trade service itself."""
        return self.min_collector_id <= creditor_id <= self.max_collector_id

    def audience(self, message: smp.Message) -> tuple[bool, bool]:
        """Who hears the message: (the trade service, the creditors agent)."""
        if isinstance(message, _REPLIES):
            is_ours = message.coordinator_type == "agent"
            return is_ours, not is_ours
        is_ours = self.is_collector(message.creditor_id)
        if isinstance(message, smp.AccountTransfer) and message.coordinator_type == "agent":
            return True, not is_ours
        return is_ours, not is_ours

    def publications(self, messages: Iterable[smp.Message]) -> Iterator[Publication]:
        """The messages with headers and routing keys; those of debtors' own accounts go elsewhere and are left out."""
        for message in messages:
            if message.creditor_id != ROOT_CREDITOR_ID:
                yield self._address(message)

    def _address(self, message: smp.Message) -> Publication:
        kind = type(message).__name__
        to_trade, to_creditors = self.audience(message)
        headers: dict[str, str | int | bool] = {
            "message-type": kind,
            "debtor-id": message.debtor_id,
            "creditor-id": message.creditor_id,
            "ca-trade": to_trade,
            "ca-creditors": to_creditors,
        }
        key = message.creditor_id
        if isinstance(message, _REPLIES):
            headers["coordinator-id"] = message.coordinator_id
            headers["coordinator-type"] = message.coordinator_type
            if message.coordinator_type == "agent":
                key = message.coordinator_id
        return Publication(
            exchange=CREDITORS_IN,
            routing_key=binary_routing_key(key),
            type=kind,
            body=smp.encode(message),
            headers=headers,
            mandatory=True,
            app_id=APP_ID,
        )


class AuthorityPeer(Peer):
    """An authority at the exchanges: reads a queue bound to `creditors_out`, publishes to `creditors_in`."""

    def __init__(
        self,
        source: Source,
        target: Target,
        authority: Authority,
        gateway: Gateway | None = None,
        *,
        limit: int = 500,
    ) -> None:
        super().__init__(source, target, limit=limit)
        self.authority = authority
        self._gateway = gateway or Gateway()
        self._decoder: msgspec.json.Decoder[smp.Request] = msgspec.json.Decoder(smp.Request)

    def _read(self, delivery: Delivery) -> None:
        self.authority.handle(smp.decode(self._decoder, delivery.body, delivery.type))

    def _collect(self) -> list[Publication]:
        return list(self._gateway.publications(self.authority.step()))
