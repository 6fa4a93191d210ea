create or replace function worker.settle_doubts(p_lane integer, p_limit integer)
  returns integer
  language plpgsql
as $$
declare
  v_asked_creditors bigint[];
  v_asked_debtors bigint[];
  v_count integer;
begin
  if not worker.has_doubts() or not worker.try_lock_lane(p_lane) then
    return 0;
  end if;
  perform worker.explain_balances(p_lane, p_limit);
  if worker.doubtful_turns() is null then
    return 0;
  end if;

  -- What the authority says from now on holds for ever: nothing that was forgotten can move money any more.
  select array_agg(n.creditor_id), array_agg(n.debtor_id) into v_asked_creditors, v_asked_debtors
  from (
    select n.creditor_id, n.debtor_id
    from worker.list_doubts(p_lane) as d
    join worker.needed_worker_account as n on n.creditor_id = d.collector_id and n.debtor_id = d.debtor_id
    where not d.is_answered
      and d.held_until < worker.now()
      and n.released_at is null
      and (n.config_ts is null or n.config_ts <= d.held_until or n.configured_at < worker.now() - interval '1 hour')
    order by n.creditor_id, n.debtor_id
    limit p_limit
    for update of n
  ) as n;
  perform worker.order_accounts(v_asked_creditors, v_asked_debtors, true);

  update worker.transfer_attempt as a
  set
    held_at = null,
    held_until = null,
    failure_code = case when a.attempted_at is not null then coalesce(a.failure_code, 1) end,
    rescheduled_for = case when a.fatal_error is null then worker.now() end
  from worker.list_doubts(p_lane) as d
  where d.is_answered
    and d.nothing_moved
    and a.held_at is not null
    and a.collector_id = d.collector_id
    and a.debtor_id = d.debtor_id;
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function worker.settle_doubts is
  'Lets payments in doubt be tried again when it is certain that none was made: when no earlier request can be under '
  'way any more, the authority is asked for its state of the collector''s account (by a ConfigureAccount), and the '
  'number of the last transfer that it knows was told to this database. Has balances '
  'explained, too. p_limit: most accounts to ask about. Returns '
  'how many payments; 0 also if somebody else works on the lane. One call is one transaction. Called periodically by '
  'the worker.';
