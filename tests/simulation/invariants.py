"""What must hold after every step, and what must be left in the end: nothing."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, LiteralString

import psycopg

from sandbox.authority.interest import demurrage_factor
from sandbox.authority.state import T0, Account

# Each row: what is wrong, and where. Every table of a small economy fits on a page or two, so this takes a millisecond.
WORKER: LiteralString = """
select 'a lock without a verdict after 3/0', to_jsonb(l)
from worker.account_lock as l
join worker.worker_turn as t on t.turn_id = l.turn_id
where t.phase = 3
  and t.worker_turn_subphase >= 5
  and not t.is_lost
  and not l.has_been_revised
  and l.finalized_at is null
union all
select 'a lock before phase 2', to_jsonb(l)
from worker.account_lock as l
where not exists (select from worker.worker_turn as t where t.turn_id = l.turn_id and t.phase >= 2)
union all
select 'a seller with a verdict, but without a commit', to_jsonb(l)
from worker.account_lock as l
where l.amount < 0 and l.has_been_revised <> (l.finalized_at is not null)
union all
select 'a lock that is not prepared, but revised', to_jsonb(l)
from worker.account_lock as l
where l.has_been_revised and l.transfer_id is null
union all
select 'a participation after 3/0', to_jsonb(p)
from worker.creditor_participation as p
join worker.worker_turn as t on t.turn_id = p.turn_id
where t.phase = 3 and t.worker_turn_subphase >= 5 and not t.is_lost
union all
select 'an early arrival after 3/0', to_jsonb(e)
from worker.early_arrival as e
join worker.worker_turn as t on t.turn_id = e.turn_id
where t.phase = 3 and t.worker_turn_subphase >= 5 and not t.is_lost
union all
select 'a collecting row of a collector that has collected', to_jsonb(w)
from worker.worker_collecting as w
where not exists (
  select
  from worker.dispatching_status as s
  where s.collector_id = w.collector_id
    and s.turn_id = w.turn_id
    and s.debtor_id = w.debtor_id
    and not s.started_sending
)
union all
select 'a sending row of a collector that has sent', to_jsonb(w)
from worker.worker_sending as w
where not exists (
  select
  from worker.dispatching_status as s
  where s.collector_id = w.from_collector_id and s.turn_id = w.turn_id and s.debtor_id = w.debtor_id and not s.all_sent
)
union all
select 'a receiving row of a collector that has received', to_jsonb(w)
from worker.worker_receiving as w
where not exists (
  select
  from worker.dispatching_status as s
  where s.collector_id = w.to_collector_id
    and s.turn_id = w.turn_id
    and s.debtor_id = w.debtor_id
    and not s.started_dispatching
)
union all
select 'a dispatching row without a collector at work', to_jsonb(w)
from worker.worker_dispatching as w
where not exists (
  select
  from worker.dispatching_status as s
  where s.collector_id = w.collector_id and s.turn_id = w.turn_id and s.debtor_id = w.debtor_id
)
union all
select 'more is expected than was arranged', to_jsonb(s)
from worker.dispatching_status as s
where s.amount_to_collect < (
  select coalesce(sum(w.amount), 0)
  from worker.worker_collecting as w
  where w.collector_id = s.collector_id and w.turn_id = s.turn_id and w.debtor_id = s.debtor_id
)
or s.amount_to_send < (
  select coalesce(sum(w.amount), 0)
  from worker.worker_sending as w
  where w.from_collector_id = s.collector_id and w.turn_id = s.turn_id and w.debtor_id = s.debtor_id
)
or s.amount_to_dispatch < (
  select coalesce(sum(w.amount), 0)
  from worker.worker_dispatching as w
  where w.collector_id = s.collector_id and w.turn_id = s.turn_id and w.debtor_id = s.debtor_id
)
union all
select 'a collector pays more than it got', to_jsonb(s) || jsonb_build_object('nominal', a.nominal)
from worker.dispatching_status as s
cross join lateral (
  select sum(a.nominal_amount) as nominal
  from worker.transfer_attempt as a
  where a.collector_id = s.collector_id and a.turn_id = s.turn_id and a.debtor_id = s.debtor_id
) as a
where a.nominal > 1.000000001
  * (s.self_taken_amount + coalesce(s.total_collected_amount, 0) + coalesce(s.total_received_amount, 0))
union all
select 'an attempt of a collector that has not started', to_jsonb(a)
from worker.transfer_attempt as a
join worker.dispatching_status as s
  on s.collector_id = a.collector_id and s.turn_id = a.turn_id and s.debtor_id = a.debtor_id
where not case when a.is_dispatching then s.started_dispatching else s.started_sending end
union all
select 'set aside', to_jsonb(a) from worker.set_aside as a
union all
select 'unroutable', to_jsonb(u) from worker.unroutable_message as u
"""

SOLVER: LiteralString = """
select 'more than one open turn', to_jsonb(t)
from solver.turn as t
where t.phase < 4 and exists (select from solver.turn as o where o.phase < 4 and o.turn_id <> t.turn_id)
union all
select 'a result of a turn that is not in phase 3', to_jsonb(r)
from solver.creditor_taking as r
where not exists (select from solver.turn as t where t.turn_id = r.turn_id and t.phase = 3)
"""


# What the parts of a shard would find to do at this moment: lanes with messages, then yes or no for the others.
PENDING: LiteralString = """
select
  (
    select array_agg(n order by n)
    from unnest(array[
      exists (select from pgmq.q_inbox_0), exists (select from pgmq.q_inbox_1),
      exists (select from pgmq.q_inbox_2), exists (select from pgmq.q_inbox_3),
      exists (select from pgmq.q_inbox_4), exists (select from pgmq.q_inbox_5),
      exists (select from pgmq.q_inbox_6), exists (select from pgmq.q_inbox_7)
    ]) with ordinality as l (has_messages, n)
    where has_messages
  ) as lanes,
  (select array_agg(array[n.debtor_id, n.creditor_id]) from worker.needed_worker_account as n) as collectors,
  exists (select from worker.unknown_account as k where k.status = 'listed') as has_unknown,
  exists (select from outbox.prepare_transfer) or exists (select from outbox.finalize_transfer)
  or exists (select from pgmq.q_out_configure_account) or exists (select from pgmq.q_out_fetch_debtor_info)
  or exists (select from pgmq.q_out_store_document) or exists (select from pgmq.q_out_discover_debtor)
  or exists (select from pgmq.q_out_confirm_debtor) or exists (select from pgmq.q_out_activate_collector)
  or exists (select from pgmq.q_out_candidate_offer) or exists (select from pgmq.q_out_needed_collector)
  or exists (select from pgmq.q_out_revise_account_lock) or exists (select from pgmq.q_out_trigger_transfer)
  or exists (select from pgmq.q_out_account_id_request) or exists (select from pgmq.q_out_account_id_response)
  or exists (select from pgmq.q_out_start_sending) or exists (select from pgmq.q_out_start_dispatching) as outbound,
  exists (select from worker.debtor_info_fetch where next_attempt_at <= %(now)s) as fetch,
  exists (select from worker.transfer_attempt where rescheduled_for <= %(now)s) as trigger,
  exists (select from worker.dispatching_status) as transfers,
  exists (select from pgmq.q_solver_request) as requests,
  exists (
    select
    from worker.worker_turn as w
    where w.worker_turn_subphase < 10
      and (
        (w.phase, w.worker_turn_subphase) <> (2, 5)
        or worker.shipping_starts_at(w.started_at, w.phase_deadline) < %(now)s
      )
  ) as turns,
  (select array_agg(w.turn_id || '/' || w.phase order by w.turn_id) from worker.worker_turn as w) as known_turns
"""

SOLVER_STATE: LiteralString = """
select
  (select array_agg(t.turn_id || '/' || least(t.phase, 3) order by t.turn_id) from solver.turn as t) as turns,
  (select max(t.started_at) from solver.turn as t where t.closed_by_force_at is null) as latest_start,
  exists (select from solver.turn as t where t.phase < 4) as has_open_turn,
  exists (
    select
    from solver.turn as t
    where t.phase_deadline < %(now)s
      or t.phase = 3
      and not exists (select from solver.creditor_taking)
      and not exists (select from solver.creditor_giving)
      and not exists (select from solver.collector_collecting)
      and not exists (select from solver.collector_sending)
      and not exists (select from solver.collector_receiving)
      and not exists (select from solver.collector_dispatching)
  ) as has_due_turn,
  exists (select from solver.collector_account as a where a.status = 0) as has_pristine,
  (select array_agg(array[a.debtor_id, a.collector_id]) from solver.collector_account as a) as collectors,
  solver.is_stepped_back() or exists (select from solver.life where database_id = 0) as is_stepped_back
"""


def violations(connection: psycopg.Connection[Any], query: LiteralString) -> list[str]:
    """What does not hold, in words."""
    return [f"{what}: {row}" for what, row in connection.execute(query).fetchall()]


def reserved_amount(account: Account, now: datetime) -> int:
    """What the account must have for its prepared transfers, in tokens.

    With interest an authority guarantees only what is left of a locked amount at the demurrage rate it told.
    """
    if account.interest_rate == 0 and account.last_interest_rate_change_ts == T0:
        return account.total_locked_amount
    return math.floor(
        sum(
            transfer.locked_amount
            * demurrage_factor(transfer.demurrage_rate, (now - transfer.prepared_at).total_seconds())
            for transfer in account.transfers.values()
        )
    )
