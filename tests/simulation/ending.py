"""What may be left when all is quiet, and what must have happened."""

from __future__ import annotations

from collections import Counter, defaultdict
from fractions import Fraction
from typing import LiteralString

from sandbox.authority.interest import demurrage_factor
from tests.simulation.faults import INTEREST_RATES
from tests.simulation.payments import PaymentKey
from tests.simulation.violation import Violation
from tests.simulation.world import AMOUNT_CUT, World

_LEFT: LiteralString = """
select what, count
from (
  select 'unreleased locks' as what, count(*) from worker.account_lock where released_at is null
  union all
  select 'participations', count(*) from worker.creditor_participation
  union all
  select 'attempts', count(*) from worker.transfer_attempt
  union all
  select 'statuses', count(*) from worker.dispatching_status
  union all
  select 'collecting', count(*) from worker.worker_collecting
  union all
  select 'sending', count(*) from worker.worker_sending
  union all
  select 'receiving', count(*) from worker.worker_receiving
  union all
  select 'dispatching', count(*) from worker.worker_dispatching
  union all
  select 'early arrivals', count(*) from worker.early_arrival
  union all
  select 'messages', sum(m.queue_length)::bigint from pgmq.metrics_all() as m
  union all
  select 'PrepareTransfer', count(*) from outbox.prepare_transfer
  union all
  select 'FinalizeTransfer', count(*) from outbox.finalize_transfer
  union all
  select 'set aside', count(*) from worker.set_aside
  union all
  select 'unroutable', count(*) from worker.unroutable_message
) as l
where count > 0
"""


def leftovers(world: World) -> dict[str, int]:
    """What is not finished, over all shards and peers, by kind."""
    found: Counter[str] = Counter()
    for name, connection in world.watchers.items():
        if name != "solver":
            for what, count in connection.execute(_LEFT).fetchall():
                found[what] += count
    row = world.watchers["solver"].execute("select count(*) from solver.turn where phase < 4").fetchone()
    assert row is not None
    found["open turns"] += row[0]
    found["open transfers"] += len(world.authority.open_transfers())
    found["held FinalizeTransfer"] += len(world.authority._held)
    found["money on its way"] += len(world.authority.books.credits)
    found["messages on their way"] += sum(network.held for network in world.networks)
    return dict(+found)


def check_end(world: World) -> None:
    """Raises `Violation` when something is left, or was not done although nothing stood in its way."""
    problems = [f"{what} left: {count}" for what, count in sorted(leftovers(world).items())]
    problems += [f"nobody wanted {len(network.unwanted)} messages" for network in world.networks if network.unwanted]
    for debtor_id, totals in world.authority.audit().items():
        issued = sum(account.principal for account in world.economy.accounts if account.debtor_id == debtor_id)
        wanted = issued + totals.capitalised - totals.returned
        if (totals.circulating, totals.locked, totals.in_flight) != (wanted, 0, 0):
            problems.append(f"currency {debtor_id}: {issued} issued, now {totals}")
    if (dead_letters := world.dead_letters()) != world.litter.rejected:
        problems.append(f"{dead_letters} dead letters, {world.litter.rejected} pieces of garbage")
    problems += _unrefunded(world)
    if world.plan.is_kind:
        problems += _unpaid(world)
        if not world.payments.missing:
            problems += _losers(world)
    if problems:
        raise Violation("; ".join(problems))


def _unrefunded(world: World) -> list[str]:
    """Payments to collectors whose shard never learns what they were for, and that did not go back."""
    return [
        f"{(kind, turn_id, debtor_id, payer, payee)} did not go back"
        for kind, turn_id, debtor_id, payer, payee in world.payments.received
        if (world.owner_of(payee), turn_id) in world.lost_turns
        and ("dispatching", turn_id, debtor_id, payee, payer) not in world.payments.paid
    ]


def _unpaid(world: World) -> list[str]:
    """Payments that were not made although their money is there; what was paid had the right amount."""
    payments = world.payments
    found = []
    for key, amount in payments.arranged.items():
        if key in payments.paid or key in payments.refused:
            continue
        if key[0] == "collecting":
            found.append(f"{key} was not paid, {amount} tokens")
        elif amount > 1:
            nominal = payments.nominal(key)
            # With less than that, demurrage and the cut may leave no token.
            if nominal > (4 if world.plan.bears_interest else 1 + 2 * AMOUNT_CUT):
                found.append(f"{key} was not paid, {nominal} of {amount} tokens are there")
    return found


def _left_of_demurrage(world: World, key: PaymentKey) -> float:
    """The smallest share of a payment that worst demurrage may leave."""
    payments = world.payments
    if not world.plan.bears_interest or key not in payments.paid_at:
        return 1.0
    elapsed = (payments.paid_at[key] - payments.started[key[1]]).total_seconds()
    # A try reckons with the time until its own deadline, which the back-off makes at most eight times later.
    return demurrage_factor(INTEREST_RATES[0], 9 * elapsed + 86400)


def _losers(world: World) -> list[str]:
    """Traders who lost more base value than rounding and the cut explain."""
    prices = {currency.debtor_id: Fraction(currency.price) for currency in world.economy.currencies}
    lost: defaultdict[int, Fraction] = defaultdict(Fraction)
    explained: defaultdict[int, Fraction] = defaultdict(Fraction)
    for (kind, turn_id, debtor_id, payer, payee), amount in world.payments.paid.items():
        if kind != "sending":
            trader = payer if kind == "collecting" else payee
            lost[trader] += amount * prices[debtor_id] * (1 if kind == "collecting" else -1)
            key = (kind, turn_id, debtor_id, payer, payee)
            # Of what a collector was to pay, demurrage may have taken some.
            demurrage = world.payments.arranged[key] * (1 - _left_of_demurrage(world, key) ** 2)
            share = 2 * Fraction(AMOUNT_CUT) * amount + (Fraction(demurrage) if kind == "dispatching" else 0)
            explained[trader] += prices[debtor_id] * (4 + share)
    return [
        f"trader {trader} lost {float(value):.2f}, rounding explains {float(explained[trader]):.2f}"
        for trader, value in lost.items()
        if value > explained[trader]
    ]
