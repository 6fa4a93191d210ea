"""What an operator does after databases have stepped back, knowing what the accounting authority knows."""

from __future__ import annotations

from tests.chaos.installation import BINDING_KEYS, Installation
from tests.step_backs.ledger import Ledger

_NO_REQUEST_IS_UNDER_WAY = """
update worker.transfer_attempt set held_until = worker.now() - interval '1 second'
where held_until > worker.now()
  and not exists (select from outbox.prepare_transfer) and not exists (select from outbox.finalize_transfer)
"""
_HELD = """
select turn_id, debtor_id, collector_id, creditor_id, is_dispatching from worker.held_transfers() where state = 'yours'
"""
_EXPECTED = "select kind, turn_id, debtor_id, collector_id, other_id from worker.list_expected_payments()"
_LOST = """
select turn_id, debtor_id, collector_id, sum(amount), count(*) from worker.lost_payments()
where refunded_at is null group by turn_id, debtor_id, collector_id
"""


# Most of a year after the end of the collection, when scans have come to them. Commits need it no more.
_AGE = """
update worker.account_lock set collection_deadline = collection_deadline - interval '1 year'
where released_at is null
  and has_been_revised
  and (amount > 0 or turn_id <= worker.doubtful_turns())
  and collection_deadline > worker.now() - interval '1 day'
"""
_SCAN = "select worker.scan_account_locks(0, 100000, 1000)"


_WAITING = """
select 'collecting' as kind, turn_id, debtor_id, collector_id, creditor_id from worker.worker_collecting
where not collected
union all
select 'sending', turn_id, debtor_id, to_collector_id, from_collector_id from worker.worker_receiving
where received_amount = 0
"""
# The payer's shard lost the result of the turn, or what it knew of it.
_WILL_NOT_PAY = """
select not worker.in_realm(worker.hash32(%(payer)s))
  or worker.is_lost_turn(%(turn)s)
  or exists (
    select from worker.step_back as s join worker.worker_turn as w on s.noticed_at > w.started_at
    where w.turn_id = %(turn)s
  )
"""
_TOO_LATE = """
update worker.worker_collecting set purge_after = worker.now() - interval '1 day' where not collected;
update worker.worker_receiving set purge_after = worker.now() - interval '1 day' where received_amount = 0;
select worker.scan_worker_collectings(0, 100000, 1000);
select worker.scan_worker_receivings(0, 100000, 1000);
"""


def give_up_payments(installation: Installation) -> int:
    """Nothing else is left: collectors wait for payers whose shard does not know that they should pay. Where that may
    have been paid, an operator says that it was not; the rest takes months elsewhere. Returns how many."""
    count = 0
    for name in BINDING_KEYS:
        with installation.database_server.admin(name) as worker:
            waiting = worker.execute(_WAITING).fetchall()
            expected = worker.execute(_EXPECTED).fetchall()
        for kind, turn_id, debtor_id, collector_id, payer_id in waiting:
            for other in BINDING_KEYS:
                with installation.database_server.admin(other) as worker:
                    row = worker.execute(_WILL_NOT_PAY, {"payer": payer_id, "turn": turn_id}).fetchone()
                if row != (True,):
                    payment = f"{kind} {turn_id} {debtor_id} {collector_id} {payer_id}"
                    raise AssertionError(f"{other} knows that it has to pay, and does not: {payment}")
        for kind, turn_id, debtor_id, collector_id, payer_id in expected:
            options = ["--from-collector"] if kind == "sending" else []
            ids = [str(number) for number in (turn_id, debtor_id, collector_id, payer_id)]
            _run(installation, name, "received", *options, *ids, "never")
            installation.decided += 1
        if waiting:
            with installation.database_server.admin(name) as worker:
                worker.execute(_TOO_LATE)
        count += len(waiting)
    return count


def give_up_locks(installation: Installation) -> int:
    """Nothing else is left: the locks of buyers whom nobody will pay, and of sellers that the database has forgotten,
    are given up. Returns how many, which takes most of a year elsewhere."""
    count = 0
    for name in BINDING_KEYS:
        with installation.database_server.admin(name) as worker:
            count += worker.execute(_AGE).rowcount
            worker.execute(_SCAN)
    return count


def let_time_pass(installation: Installation) -> None:
    """Everybody is quiet, so that no earlier request can be under way: it need not take the ten minutes and more."""
    for name in BINDING_KEYS:
        with installation.database_server.admin(name) as worker:
            worker.execute(_NO_REQUEST_IS_UNDER_WAY)


def decide(installation: Installation, ledger: Ledger) -> bool:
    """Decides about payments in doubt, and has those for lost turns paid back; returns whether there were any."""
    before = installation.decided, installation.refunded, installation.settled
    for name in BINDING_KEYS:
        with installation.database_server.admin(name) as worker:
            held = worker.execute(_HELD).fetchall()
            expected = worker.execute(_EXPECTED).fetchall()
            lost = worker.execute(_LOST).fetchall()
        for turn_id, debtor_id, collector_id, creditor_id, is_dispatching in held:
            kind = "dispatching" if is_dispatching else "sending"
            is_paid = bool(ledger.paid.get((kind, turn_id, debtor_id, collector_id, creditor_id)))
            options = [] if is_dispatching else ["--to-collector"]
            ids = [str(number) for number in (turn_id, debtor_id, collector_id, creditor_id)]
            _run(installation, name, "decide", *options, *ids, "paid" if is_paid else "again")
            installation.decided += 1
        for kind, turn_id, debtor_id, collector_id, payer_id in expected:
            if ledger.paid.get((kind, turn_id, debtor_id, payer_id, collector_id)):
                options = ["--from-collector"] if kind == "sending" else []
                ids = [str(number) for number in (turn_id, debtor_id, collector_id, payer_id)]
                _run(installation, name, "received", *options, *ids, "came")
                installation.decided += 1
        kept = ledger.kept(0)
        for turn_id, debtor_id, collector_id, tokens, count in lost:
            # A worker that does not know the turn any more may have paid before.
            is_there = kept.get((turn_id, debtor_id, collector_id), 0) >= tokens
            account = ["--currency", str(debtor_id), "--collector", str(collector_id)]
            _run(installation, name, "refund", str(turn_id), *account, *([] if is_there else ["--settled"]))
            if is_there:
                installation.refunded += count
            else:
                installation.settled += count
    return (installation.decided, installation.refunded, installation.settled) != before


def _run(installation: Installation, name: str, *arguments: str) -> None:
    done = installation.try_command(name, {}, "transfers", *arguments)
    if done.returncode:
        raise AssertionError(f"transfers {' '.join(arguments)} ended with status {done.returncode}:\n{done.stdout}")
