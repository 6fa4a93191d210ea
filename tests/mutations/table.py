"""The mends that are taken out, at least one for each number G of the behaviour: where, and what is written instead.

Amounts that are a little wrong have no number: the simulator has to notice them.
"""

from __future__ import annotations

from typing import NamedTuple


class Mutation(NamedTuple):
    """`old` stands once in the `file`. Some test that carries the `number` has to fail with `new`.

    With the number `simulation`, one of the simulator's first `seeds` seeds has to fail.
    """

    number: str
    file: str
    old: str
    new: str
    seeds: int = 5


SIMULATION = "simulation"


_W = "sql/worker/functions"
_S = "sql/solver/functions"

MUTATIONS = (
    Mutation("G1", "pipelines/solver/settle.py", '(pl.col("whole") < pl.col("limit"))', "pl.lit(True)"),
    Mutation("G1", f"{_W}/locks/_revise_locks.sql", "greatest(v.amount, l.amount)", "v.amount"),
    Mutation("G2", "pipelines/solver/price.py", "np.full(pegs.size, np.nan)", "np.full(pegs.size, np.nan, np.float32)"),
    Mutation("G3", "pipelines/solver/market.py", "return max(self.min_trade_amount, 2)", "return 2"),
    Mutation("G4", "pipelines/solver/price.py", "if base.size and debtor_id", "if False and debtor_id"),
    Mutation("G4", f"{_W}/turns/price_currencies.sql", "and debtor_id <> v_base_debtor_id\n  )", "and false\n  )"),
    Mutation(
        "G5", f"{_W}/dispatching/receive_payments.sql", "perform worker.keep_early_arrivals(v_unmatched);", "null;"
    ),
    Mutation(
        "G5", f"{_W}/dispatching/merge_early_arrivals.sql", "perform worker.match_expected_payments(v_payments);", ""
    ),
    Mutation(
        "G5", f"{_W}/dispatching/keep_early_arrivals.sql", "perform worker.lock_turn_shared(t.turn_id)", "perform"
    ),
    Mutation(
        "G6",
        f"{_W}/handlers/apply_finalized_transfer.sql",
        "and l.released_at is null\n    returning",
        "and false\n    returning",
    ),
    Mutation(
        "G6",
        f"{_W}/handlers/apply_finalized_transfer.sql",
        "and l.transfer_id = m.transfer_id\n      and l.finalized_at",
        "and l.finalized_at",
    ),
    Mutation("G7", f"{_W}/dispatching/start_sendings.sql", "where h.nominal_amount < 1.0", "where false"),
    Mutation("G7", f"{_W}/dispatching/start_dispatchings.sql", "where h.nominal_amount < 1.0", "where false"),
    Mutation("G7", f"{_W}/dispatching/start_sendings.sql", "perform worker.send_unpaid_notices(", "perform concat("),
    Mutation(
        "G8",
        f"{_W}/handlers/apply_account_id_response.sql",
        "when x.account_id = '' then a.attempted_at is null and a.rescheduled_for is null",
        "when x.account_id = '' then false",
    ),
    Mutation(
        "G8",
        f"{_W}/handlers/apply_account_id_response.sql",
        "when x.account_id = '' then a.recipient_version",
        "when false then a.recipient_version",
    ),
    Mutation("G8", f"{_W}/handlers/apply_account_id_request.sql", "    and p.account_id <> ''\n", ""),
    Mutation(
        "G9",
        f"{_W}/handlers/apply_account_id_response.sql",
        "case when x.account_id = '' then a.recipient else x.account_id end",
        "x.account_id",
    ),
    Mutation("G10", f"{_W}/transfers/trigger_transfers.sql", "when p.new_amount = 0", "when false"),
    Mutation(
        "G11",
        f"{_W}/transfers/fail_transfer_attempts.sql",
        "f.status_code in (",
        "f.status_code not in ('TIMEOUT', 'NEWER_INTEREST_RATE') or f.status_code in (",
    ),
    Mutation("G12", f"{_S}/collectors/list_overdue_collectors.sql", "c.status = 1", "c.status = 0"),
    Mutation("G12", f"{_W}/handlers/apply_rejected_config.sql", "c.rejections >= 3", "c.rejections >= 30"),
    Mutation("G13", f"{_W}/accounts/answer_account_updates.sql", "(u.is_later or u.is_heartbeat)", "u.is_later"),
    Mutation(
        "G14",
        f"{_W}/handlers/apply_account_purge.sql",
        "perform worker.replace_collectors(v_creditor_ids, v_debtor_ids);",
        "",
    ),
    Mutation("G14", f"{_W}/handlers/apply_account_id_request.sql", "  select worker.reopen_accounts(p_messages)\n", ""),
    Mutation("G14", f"{_S}/collectors/apply_worker_requests.sql", "where r.is_replaced;", "where false;"),
    Mutation("G15", f"{_W}/scans/scan_debtor_info_documents.sql", "interval '365 days'", "interval '45 days'"),
    Mutation("G15", f"{_W}/debtors/take_due_fetches.sql", "interval '30 days'", "interval '999 days'"),
    Mutation(
        "G16",
        "sql/solver/migrations/0002_pre_offers.sql",
        "create table solver.sell_offer (\n  turn_id integer",
        "create table solver.sell_offer (\n  turn_id smallint",
    ),
    Mutation(
        "G17",
        f"{_W}/handlers/apply_candidate_offer.sql",
        "t.worker_turn_subphase = 5\n",
        "t.worker_turn_subphase = 5 for share\n",
    ),
    Mutation(
        "G17",
        f"{_W}/handlers/apply_candidate_offer.sql",
        "if worker.try_lock_turn_shared(v_turn_id) then",
        "if true then",
    ),
    Mutation(
        "G18",
        "bridge/fetching/fetching.py",
        "if len(body) > self._limits.max_bytes",
        "if len(body) > 9 * self._limits.max_bytes",
    ),
    Mutation("G18", "bridge/fetching/policy.py", "not all(map(is_public", "not any(map(is_public"),
    Mutation("G18", "bridge/fetching/addresses.py", "return ip in _GLOBAL_UNICAST and not", "return not"),
    Mutation(
        "G18",
        f"{_W}/debtors/take_due_fetches.sql",
        "next_attempt_at = worker.now() + p_lease",
        "next_attempt_at = worker.now()",
    ),
    Mutation(
        "G19",
        f"{_W}/handlers/apply_confirm_debtor.sql",
        "or l.latest_confirmation_ts <= excluded.latest_confirmation_ts\n",
        "or true\n",
    ),
    Mutation(
        "G20", f"{_S}/collectors/add_busy_collectors.sql", "if solver.is_blocked(v_debtor_id) then", "if false then"
    ),
    Mutation("G20", f"{_S}/collectors/collectors_to_remove.sql", "< solver.now() - p_delay", "< solver.now()"),
    Mutation(
        "G20", f"{_S}/collectors/remove_collector.sql", "and solver.block_currency(p_debtor_id, p_done_by)", "and false"
    ),
    Mutation("G20", f"{_W}/collectors/remove_collectors.sql", "perform worker.move_rest_money(v_removals);", ""),
    Mutation(
        "G20",
        f"{_W}/collectors/remove_collectors.sql",
        "perform worker.order_accounts(array_agg(",
        "perform concat(array_agg(",
    ),
    Mutation(
        "G21",
        "sql/worker/migrations/0008_pre_dispatching.sql",
        "check (amount_to_send - amount_to_collect <= self_taken_amount)",
        "check (amount_to_send <= amount_to_collect)",
    ),
    Mutation("G22", f"{_W}/scans/scan_creditor_participations.sql", "interval '30 days'", "interval '9999 days'"),
    Mutation("G22", f"{_W}/turns/delete_old_worker_turns.sql", "interval '1 year'", "interval '9 years'"),
    Mutation("G22", f"{_S}/turns/delete_old_turns.sql", "interval '1 year'", "interval '9 years'"),
    Mutation("G22", f"{_W}/set_aside/delete_old_decisions.sql", "interval '1 year'", "interval '9 years'"),
    Mutation(
        "G23",
        f"{_W}/turns/next_step_at.sql",
        "select min(worker.shipping_starts_at(w.started_at, w.phase_deadline))",
        "select null::timestamptz",
    ),
    Mutation("G24", f"{_W}/transfers/lowest_interest_rate.sql", "then w.demurrage_rate end", "then 0 end"),
    Mutation("G24", f"{_W}/accounts/interest_rate_horizon.sql", "c.turn_max_commit_period + greatest(", "least("),
    Mutation("G25", "admin/policies/loading.py", "for notification in news:", "for notification in news[:1]:"),
    Mutation("G25", "admin/policies/loading.py", '"update_id": exchange.get("latestUpdateId")', '"update_id": 1'),
    Mutation("G26", f"{_S}/ops/debtor_collectors.sql", "c.debtor_id = p_debtor_id", "c.debtor_id >= p_debtor_id"),
    Mutation("G27", f"{_W}/scans/scan_account_locks.sql", "and l.amount > 0\n", "and l.amount < 0\n"),
    Mutation(
        "G27",
        f"{_W}/scans/scan_account_locks.sql",
        "greatest(v_settings.sending_slack, v_settings.dispatching_slack)",
        "v_settings.sending_slack",
    ),
    Mutation("G28", f"{_W}/transfers/is_unanswered.sql", "interval '1 day'", "interval '999 days'"),
    Mutation(
        "G29",
        f"{_W}/inbox/drain_inbox_singly.sql",
        "if not worker.is_data_error(sqlstate) then",
        "if true then",
    ),
    Mutation("G30", "bridge/outbound.py", "if returned:", "if False:"),
    Mutation(
        "G31",
        f"{_W}/handlers/apply_finalized_transfer.sql",
        "perform worker.send_unpaid_notices('collecting', v_turn_ids, v_collector_ids, v_debtor_ids, v_payer_ids);",
        "null;",
    ),
    Mutation(
        "G31", f"{_W}/locks/_revise_locks.sql", "perform worker._report_odd_verdicts(", "perform jsonb_build_array("
    ),
    Mutation(
        "G32",
        f"{_W}/debtors/settle_fetches.sql",
        "d.recursion_level < c.max_distance_to_base",
        "d.recursion_level < c.max_distance_to_base - 1",
    ),
    Mutation(
        "G33", f"{_W}/debtors/settle_fetches.sql", "(d.is_discovery_fetch or d.has_moved)", "d.is_discovery_fetch"
    ),
    Mutation("G34", "pipelines/solver/price.py", "range(max_distance)", "range(min(max_distance, 900))"),
    Mutation("G35", "pipelines/solver/offers.py", 'pl.col("creditor_id") == 0', "pl.lit(False)"),
    Mutation("G35", "pipelines/solver/offers.py", '(pl.col("collector_id") == 0)', "pl.lit(False)"),
    Mutation("G36", "pipelines/turns/roll.py", "_warn_of_overdue_turns(solver)\n        _warn", "_warn"),
    Mutation("G37", f"{_W}/outbox/send_internal.sql", "when v_config.local_delivery and ", "when false and "),
    Mutation("G37", "bridge/wire/topology.py", "if is_quorum:", "if False:"),
    Mutation("G38", f"{_W}/turns/end_bidding.sql", "limit 1000", "limit 9999"),
    Mutation(
        "G39", f"{_W}/transfers/trigger_transfers.sql", "when a.turn_id = 0 then", "when not a.is_dispatching then"
    ),
    Mutation(
        "G40",
        f"{_W}/handlers/apply_prepared_transfer.sql",
        "and l.transfer_id is null\n      and m.deadline >= l.collection_deadline",
        "and l.transfer_id is null\n      and m.deadline >= (select t.collection_deadline from worker.worker_turn as t"
        " where t.turn_id = l.turn_id)",
    ),
    Mutation("G41", f"{_W}/locks/_revise_locks.sql", " and v_now < l.collection_deadline", ""),
    Mutation(
        "G42",
        f"{_W}/handlers/apply_account_id_response.sql",
        "a.recipient = x.account_id or a.recipient_version",
        "a.recipient_version",
    ),
    Mutation("G48", f"{_W}/handlers/apply_confirm_debtor.sql", "least(m.ts, worker.now())", "m.ts"),
    Mutation("G48", f"{_W}/handlers/apply_store_document.sql", "least(m.ts, worker.now())", "m.ts"),
    Mutation("G48", f"{_W}/handlers/apply_needed_collector.sql", "least(m.ts, worker.now())", "m.ts"),
    Mutation("G48", "sql/shared/functions/is_before.sql", " or p_moment > shared.latest_credible_moment()", ""),
    Mutation(
        "G48", f"{_W}/debtors/take_due_fetches.sql", "and k.fetched_at <= worker.latest_credible_moment()", "and true"
    ),
    Mutation("G48", f"{_W}/debtors/take_due_fetches.sql", "perform worker.reschedule_fetches(p_limit);", "null;"),
    Mutation("G48", f"{_W}/scans/bring_back_moments.sql", "r.%2$I > $4", "r.%2$I > $4 and $4 is null"),
    Mutation(
        "G49",
        f"{_W}/debtors/settle_fetches.sql",
        "f.is_locator_fetch and f.iri = s.debtor_info_locator as is_official",
        "(f.is_locator_fetch or f.looks_for_move) and f.iri = s.debtor_info_locator as is_official",
    ),
    Mutation("G49", f"{_W}/handlers/apply_fetch_debtor_info.sql", "      w.forced_iri is not null,", "      false,"),
    Mutation("G50", "bridge/inbound.py", "                self._refuse_strangers(delivery)\n", ""),
    Mutation(
        "G50",
        "bridge/messages/catalogue.py",
        "CREDITORS_IN: frozenset(SMP_RECEIVED_TYPES)",
        "CREDITORS_IN: CONSUMED_TYPES",
    ),
    Mutation(
        "G47",
        f"{_W}/configuration/check_identity.sql",
        "if not worker.is_child_key(",
        "if false and not worker.is_child_key(",
    ),
    Mutation(
        "G47",
        f"{_W}/configuration/check_identity.sql",
        "if not p_new.delete_parent_shard_records then",
        "if false then",
    ),
    Mutation("G47", f"{_W}/configuration/exclude_processes.sql", "if not pg_try", "if false and not pg_try"),
    Mutation("G47", f"{_W}/configuration/check_collector_range.sql", "if (p_new", "if false and (p_new"),
    Mutation("G47", "service/databases.py", "if row != (installation,):", "if False:"),
    Mutation("G47", "service/set_up.py", "elif found.problem is not None:", "elif False:"),
    Mutation("G47", "pipelines/turns/registry.py", "if row != (True,):", "if False:"),
    Mutation("G47", f"{_S}/shards/report_shard.sql", "solver.is_key_above(s.binding_key, p_binding_key)", "false"),
    Mutation("G47", f"{_S}/shards/report_shard.sql", "(s.last_seen_at <= v_first_seen_at or s", "(true or s"),
    Mutation("G48", f"{_S}/turns/start_turn.sql", "\n  where started_at <= v_now", ""),
    Mutation("G48", f"{_S}/turns/is_phase_over.sql", " or solver.past_moment(p_started_at) is null", ""),
    Mutation("G48", f"{_S}/turns/phase_due_at.sql", "solver.past_moment(p_turn.collection", "(p_turn.collection"),
    Mutation(
        "G48",
        f"{_S}/shards/restamp_future_moments.sql",
        "where latest_status_change_at > solver",
        "where false and solver",
    ),
    Mutation("G48", "pipelines/turns/registry.py", "if before > between:", "if False:"),
    Mutation("G48", "pipelines/turns/registry.py", "between - after)", "between - before)"),
    Mutation(
        "M29",
        f"{_W}/accounts/store_account_updates.sql",
        "a.account_id = '' or (excluded",
        "a.account_id = '' or false and (excluded",
    ),
    Mutation("M29", f"{_S}/collectors/activate_collectors.sql", "c.status = 2\n", "c.status = 9\n"),
    Mutation(
        "M30",
        f"{_W}/dispatching/match_expected_payments.sql",
        "and p.amount is null\n      and r.to",
        "and false\n      and r.to",
    ),
    Mutation("M30", f"{_W}/handlers/apply_trigger_transfer.sql", "filter (where x.unpaid is null)", ""),
    Mutation("G43", f"{_W}/accounts/judge_unknown_accounts.sql", "where not u.is_known and", "where"),
    Mutation(
        "G43", f"{_W}/accounts/judge_unknown_accounts.sql", "> k.accepted_loss then 'money'", "> 1e30 then 'money'"
    ),
    Mutation("G43", f"{_W}/collectors/adopt_collectors.sql", "n.creditor_id is null\n", "false\n"),
    Mutation("G43", f"{_W}/accounts/discard_account_message.sql", "p_accepted_loss::float8", "1e30"),
    Mutation("G43", f"{_W}/collectors/remove_collectors.sql", "and n.is_purged then 'gone'", "then 'gone'"),
    Mutation("G43", "pipelines/turns/exchange.py", "        if missing:\n", "        if False:\n"),
    Mutation("G44", f"{_W}/accounts/repair_accounts.sql", "      a.has_foreign_configuration\n", "      false\n"),
    Mutation(
        "G44",
        f"{_W}/accounts/judge_account_updates.sql",
        "and not (n.creditor_id is not null and",
        "and not (false and",
    ),
    # Collectors pay one token more than the formula, one less, or what was arranged although some of it is missing.
    Mutation(
        SIMULATION,
        f"{_W}/transfers/amount_to_pay.sql",
        "return case when v_amount >=",
        "v_amount := v_amount + 1;\n  return case when v_amount >=",
    ),
    Mutation(
        SIMULATION,
        f"{_W}/transfers/amount_to_pay.sql",
        "return case when v_amount >=",
        "v_amount := greatest(v_amount - 1, 0);\n  return case when v_amount >=",
    ),
    Mutation(
        SIMULATION,
        f"{_W}/dispatching/available_amounts.sql",
        "p_amount_to_collect - coalesce(p_total_collected, 0) as missing",
        "0::bigint as missing",
    ),
    Mutation(
        SIMULATION,
        f"{_W}/dispatching/start_dispatchings.sql",
        "w.amount::float8 * (a.available_to_dispatch::float8 / s.amount_to_dispatch::float8) as",
        "w.amount::float8 as",
    ),
    # The cut is forgotten.
    Mutation(SIMULATION, f"{_W}/transfers/amount_to_pay.sql", " * (1 - p_amount_cut)", ""),
    # A seller commits a token less than was arranged, and a token more.
    Mutation(
        SIMULATION,
        f"{_W}/locks/_revise_locks.sql",
        "case when r.amount < 0 then -r.amount else 0 end,",
        "case when r.amount < 0 then greatest(-r.amount - 1, 1) else 0 end,",
    ),
    Mutation(
        SIMULATION,
        f"{_W}/locks/_revise_locks.sql",
        "case when r.amount < 0 then -r.amount else 0 end,",
        "case when r.amount < 0 then -r.amount + 1 else 0 end,",
    ),
    # Collectors do not wait for all sellers.
    Mutation(
        SIMULATION, f"{_W}/dispatching/advance_statuses.sql", "and not c.collected\n      )", "and false\n      )"
    ),
    # Whatever the authority has prepared for a try gets committed, even twice.
    Mutation(
        SIMULATION,
        f"{_W}/transfers/prepare_transfer_attempts.sql",
        "when a.failure_code is null and a.transfer_id = x.transfer_id then 'repeat'",
        "when a.failure_code is null then 'repeat'",
        seeds=20,
    ),
)
