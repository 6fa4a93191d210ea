"""What a shard said in a turn, made anew from what an authority was asked for: the part that a stand-in plays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from bridge.messages.codec import build
from bridge.messages.publications import publication
from bridge.wire.ports import Publication
from bridge.wire.sharding import Realm
from sandbox.authority.gateway import Gateway
from sandbox.protocol.identity import parse_u64

Request = tuple[int, int]
"""Coordinator ID and coordinator request ID."""
Account = tuple[int, int]
"""Creditor ID and debtor ID."""

_TRANSFER_ID = b'"transfer_id":'


@dataclass(frozen=True, slots=True)
class Finalizing:
    """A FinalizeTransfer, whose transfer ID only the authority knows: what comes before and after it in the body."""

    publication: Publication
    before: bytes
    after: bytes

    def of(self, transfer_id: int) -> Publication:
        """The message for this transfer."""
        body = b"%b%d%b" % (self.before, transfer_id, self.after)
        return msgspec.structs.replace(self.publication, body=body)


@dataclass(slots=True)
class Script:
    """What one shard says. `at_once`: PrepareTransfers of traders; `later`: those of collectors, each with how many
    payments the account has to have got before. The numbers are those of messages that come back."""

    at_once: list[Publication] = field(default_factory=list)
    later: dict[Account, list[tuple[int, Publication]]] = field(default_factory=dict)
    finalizings: dict[Request, Finalizing] = field(default_factory=dict)
    internal: list[Publication] = field(default_factory=list)
    replies_at_once: int = 0
    replies: int = 0
    finalized: int = 0
    transfers: int = 0


def make_script(record: Iterable[bytes], realm: Realm, internal: Mapping[str, int]) -> Script:
    """Reads the transfers that an authority was asked for, in order. `internal`: how many messages to the other shards
    were sent, by type. Account IDs must be unsigned creditor IDs."""
    script, gateway = Script(), Gateway()
    # So that no time for a commit is over when the message is sent.
    sent_at = datetime.now(UTC) + timedelta(hours=1)
    payments: Counter[Account] = Counter()
    recipients: dict[Request, Account] = {}
    for line in record:
        fields = msgspec.json.decode(line) | {"ts": sent_at}
        debtor_id, creditor_id = fields["debtor_id"], fields["creditor_id"]
        request = (fields["coordinator_id"], fields["coordinator_request_id"])
        is_ours = realm.matches(request[0])
        if fields["type"] == "PrepareTransfer":
            recipient_id = parse_u64(fields["recipient"])
            assert recipient_id is not None
            recipients[request] = (recipient_id, debtor_id)
            if not is_ours:
                continue
            message = publication(build("PrepareTransfer", fields))
            script.replies += 1
            if gateway.is_collector(creditor_id):
                account = (creditor_id, debtor_id)
                script.later.setdefault(account, []).append((payments[account], message))
            else:
                script.at_once.append(message)
                script.replies_at_once += 1
            continue
        if is_ours:
            message = publication(build("FinalizeTransfer", fields))
            before, _, rest = message.body.partition(_TRANSFER_ID)
            after = rest.lstrip(b"-0123456789")
            script.finalizings[request] = Finalizing(message, before + _TRANSFER_ID, after)
            script.finalized += 1
        if fields["committed_amount"] > 0:
            recipient = recipients[request]
            payments[recipient] += 1
            # Both ends are told: payer and payee.
            script.transfers += realm.matches(creditor_id) + realm.matches(recipient[0])
    for type_name, count in internal.items():
        script.internal += [_internal(type_name, realm)] * count
    return script


def _internal(type_name: str, realm: Realm) -> Publication:
    """A message for another shard."""
    key = next(number for number in range(2**40, 2**40 + 1000) if not realm.matches(number))
    fields = {
        "type": type_name,
        "collector_id": key,
        "creditor_id": key,
        "debtor_id": key,
        "turn_id": 2,
        "is_dispatching": True,
        "account_id": str(key),
        "account_id_version": 2**50,
        "ts": "2026-03-01T02:00:00.125000+00:00",
    }
    return publication(build(type_name, fields))
