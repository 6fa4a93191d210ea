"""What the accounting authority knows of every payment: it did not step back."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from bridge.wire.ports import Publication
from sandbox.authority.gateway import AuthorityPeer
from sandbox.protocol.smp import AccountTransfer
from tests.simulation.payments import PaymentKey, payment_key

ROUNDING_TOKENS = 2
"""So many tokens of each payment may stay with the collector that makes it."""


@dataclass(slots=True)
class Ledger:
    """All payments of the service, in tokens."""

    paid: defaultdict[PaymentKey, list[int]] = field(default_factory=lambda: defaultdict(list))

    def note(self, transfer: AccountTransfer) -> None:
        """One side of a payment; that of the payer counts."""
        if transfer.coordinator_type == "agent" and transfer.acquired_amount < 0:
            key = payment_key(transfer.transfer_note, transfer.debtor_id, transfer.creditor_id)
            if key[1]:
                self.paid[key].append(-transfer.acquired_amount)

    def paid_twice(self) -> list[PaymentKey]:
        return [key for key, amounts in self.paid.items() if len(amounts) > 1]

    def kept(self, first_turn: int) -> dict[tuple[int, int, int], int]:
        """Tokens that collectors got in turns since that one and did not pass on, beyond what rounding explains, by
        turn, currency and collector; negative: what they paid without having got it."""
        balances, payments = Counter[tuple[int, int, int]](), Counter[tuple[int, int, int]]()
        for (kind, turn_id, debtor_id, payer, payee), amounts in self.paid.items():
            if turn_id < first_turn:
                continue
            if kind != "dispatching":
                balances[turn_id, debtor_id, payee] += sum(amounts)
            if kind != "collecting":
                balances[turn_id, debtor_id, payer] -= sum(amounts)
                payments[turn_id, debtor_id, payer] += len(amounts)
        return {
            key: tokens for key, tokens in balances.items() if tokens < 0 or tokens > ROUNDING_TOKENS * payments[key]
        }


class ObservedAuthority(AuthorityPeer):
    """An authority whose transfers are noted."""

    ledger: Ledger

    def _collect(self) -> list[Publication]:
        messages = self.authority.step()
        for message in messages:
            if isinstance(message, AccountTransfer):
                self.ledger.note(message)
        return list(self._gateway.publications(messages))
