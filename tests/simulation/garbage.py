"""Messages that nobody should have sent (F15), made of those that were sent just now."""

from __future__ import annotations

import json
import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from bridge.messages.catalogue import SHARDING_FIELDS, STRUCTS, TAKEN_FROM
from bridge.wire.ports import Publication, Target
from bridge.wire.sharding import Realm, binary_routing_key
from bridge.wire.topology import CREDITORS_IN, TO_TRADE

Body = dict[str, Any]
NOBODY = 0x7777777700000001
"""A debtor and a request that nobody knows."""
UNKNOWN_TURN = 2_000_000

OTHER_COORDINATORS = ("direct", "issuing", "interest", "x")
_REPLIES = ("PreparedTransfer", "RejectedTransfer", "FinalizedTransfer")


@dataclass(slots=True)
class Overhearing:
    """A target that remembers what was published to the service last."""

    target: Target
    heard: deque[Publication]

    def publish(self, batch: Sequence[Publication]) -> list[int]:
        self.heard.extend(item for item in batch if _is_for_the_service(item))
        return self.target.publish(batch)

    def close(self) -> None:
        self.target.close()


@dataclass(slots=True)
class Litter:
    """Publishes garbage. `rejected` counts the messages that have to end in a queue of dead letters."""

    target: Target
    realms: Sequence[Realm]
    dice: random.Random
    counts: Counter[str]
    heard: deque[Publication] = field(default_factory=lambda: deque(maxlen=300))
    rejected: int = 0

    def overhear(self, target: Target) -> Overhearing:
        """The target, but what is published there may serve as a pattern for garbage."""
        return Overhearing(target, self.heard)

    def drop_some(self, now: datetime) -> bool:
        """Spoils a message in one of the ways and publishes it. Returns whether it was possible."""
        if not self.heard:
            return False
        pattern = self.dice.choice(self.heard)
        # Straight to the service's exchange: what was meant for the peers too must not spoil their books.
        pattern = replace(pattern, exchange=TO_TRADE)
        if self.dice.random() < 0.6:
            name = self.dice.choice(sorted(_MALFORMED))
            spoilt = _MALFORMED[name](self, pattern)
            if spoilt is not None:
                self.rejected += 1
        else:
            name = self.dice.choice(sorted(_HARMLESS))
            body = json.loads(pattern.body)
            spoilt = pattern if _HARMLESS[name](self, body, now) else None
            if spoilt is not None:
                spoilt = self._encode(pattern, body)
                spoilt = replace(spoilt, routing_key=binary_routing_key(body[SHARDING_FIELDS[pattern.type]]))
        if spoilt is None:
            return False
        self.counts[f"F15 {name}"] += 1
        if self.target.publish([spoilt]):
            raise AssertionError("no queue took the garbage")
        return True

    # Refused by the bridge

    def no_json(self, pattern: Publication) -> Publication | None:
        return replace(pattern, body=pattern.body[: self.dice.randrange(len(pattern.body) - 1)])

    def unknown_type(self, pattern: Publication) -> Publication | None:
        return replace(pattern, type=self.dice.choice(("Nonsense", "", "PrepareTransfer", "accountupdate")))

    def content_type(self, pattern: Publication) -> Publication | None:
        return replace(pattern, content_type="text/plain")

    def missing_field(self, pattern: Publication) -> Publication | None:
        body = json.loads(pattern.body)
        # Required in every message.
        del body[self.dice.choice(("ts", "type", SHARDING_FIELDS[pattern.type]))]
        return self._encode(pattern, body)

    def wrong_type(self, pattern: Publication) -> Publication | None:
        body = json.loads(pattern.body)
        name = self.dice.choice(sorted(body.keys() & set(_known_fields(pattern))))
        body[name] = self.dice.choice(([], {"x": 1}))
        return self._encode(pattern, body)

    def too_big(self, pattern: Publication) -> Publication | None:
        body = json.loads(pattern.body)
        names = [name for name in _known_fields(pattern) if type(body.get(name)) is int]
        if not names:
            return None
        body[self.dice.choice(names)] = self.dice.choice((2**63, -(2**63) - 1, 10**30))
        return self._encode(pattern, body)

    def zero_character(self, pattern: Publication) -> Publication | None:
        body = json.loads(pattern.body)
        names = [name for name in _known_fields(pattern) if isinstance(body.get(name), str)]
        if not names:
            return None
        body[self.dice.choice(names)] += self.dice.choice(("\0", "\ud800"))
        return replace(pattern, body=json.dumps(body).encode())

    def reply_to_others(self, pattern: Publication) -> Publication | None:
        if pattern.type not in _REPLIES:
            return None
        return self._encode(
            pattern, json.loads(pattern.body) | {"coordinator_type": self.dice.choice(OTHER_COORDINATORS)}
        )

    def foreign_shard(self, pattern: Publication) -> Publication | None:
        """The routing key is that of one shard, the account belongs to another one."""
        body = json.loads(pattern.body)
        field_name = SHARDING_FIELDS[pattern.type]
        if not isinstance(body[field_name], int):
            return None
        body[field_name] += self.dice.randrange(1, 100)
        key = body[field_name]
        if all(realm.matches(key) == _is_bound(realm, pattern.routing_key) for realm in self.realms):
            return None
        return self._encode(pattern, body)

    def misrouted(self, pattern: Publication) -> Publication | None:
        """By the exchange of the authorities, who have nothing of the kind to say."""
        if pattern.type in TAKEN_FROM[CREDITORS_IN]:
            return None
        return replace(pattern, exchange=CREDITORS_IN, headers={"message-type": pattern.type, "ca-trade": True})

    # Accepted by the bridge, and without effect

    def expired(self, body: Body, now: datetime) -> bool:
        if body["type"] != "AccountUpdate":
            return False
        body |= {
            # A day more, because the shard's clock may be behind.
            "ts": (now - timedelta(seconds=body["ttl"] + 86400)).isoformat(),
            "last_change_ts": now.isoformat(),
            "account_id": "expired",
            "principal": 1,
            "demurrage_rate": -100.0,
        }
        return True

    def unknown_debtor(self, body: Body, now: datetime) -> bool:
        body["debtor_id"] = NOBODY
        return body["type"] in ("AccountTransfer", "AccountPurge", "RejectedConfig", "ReviseAccountLock", *_REPLIES)

    def unknown_request(self, body: Body, now: datetime) -> bool:
        body["coordinator_request_id"] = NOBODY
        return body["type"] in _REPLIES

    def not_from_an_agent(self, body: Body, now: datetime) -> bool:
        body["coordinator_type"] = self.dice.choice(OTHER_COORDINATORS)
        return body["type"] in ("AccountTransfer",)

    def odd_note(self, body: Body, now: datetime) -> bool:
        if body["type"] != "AccountTransfer":
            return False
        if self.dice.random() < 0.5:
            body["transfer_note_format"] = self.dice.choice(("", "-cXchgE", "json"))
        else:
            body["transfer_note"] = self.dice.choice(
                ("", "Trading session: 1\nBuyer: x\nSeller: 1\n", body["transfer_note"] + "more", "ü" * 200)
            )
        return True

    def unknown_turn(self, body: Body, now: datetime) -> bool:
        body["turn_id"] = UNKNOWN_TURN
        return body["type"] in ("CandidateOffer", "ReviseAccountLock", "StartSending", "StartDispatching")

    def _encode(self, pattern: Publication, body: Body) -> Publication:
        return replace(pattern, body=json.dumps(body, ensure_ascii=False).encode())


def _is_for_the_service(item: Publication) -> bool:
    if item.exchange == CREDITORS_IN:
        return item.headers.get("ca-trade") is True
    return item.exchange == TO_TRADE


def _known_fields(pattern: Publication) -> list[str]:
    """Others may hold anything."""
    return sorted(STRUCTS[pattern.type].__struct_fields__)


def _is_bound(realm: Realm, routing_key: str) -> bool:
    return routing_key.startswith(realm.binding_key.removesuffix("#"))


_MALFORMED: dict[str, Callable[[Litter, Publication], Publication | None]] = {
    "no JSON": Litter.no_json,
    "unknown type": Litter.unknown_type,
    "content type": Litter.content_type,
    "missing field": Litter.missing_field,
    "wrong type": Litter.wrong_type,
    "too big": Litter.too_big,
    "U+0000": Litter.zero_character,
    "reply to others": Litter.reply_to_others,
    "foreign shard": Litter.foreign_shard,
    "misrouted": Litter.misrouted,
}
_HARMLESS: dict[str, Callable[[Litter, Body, datetime], bool]] = {
    "expired": Litter.expired,
    "unknown debtor": Litter.unknown_debtor,
    "unknown request": Litter.unknown_request,
    "not from an agent": Litter.not_from_an_agent,
    "odd note": Litter.odd_note,
    "unknown turn": Litter.unknown_turn,
}
