create or replace function worker.judge_unknown_accounts(
  p_debtor_ids bigint[],
  p_collector_ids bigint[],
  p_known boolean[]
)
  returns table (debtor_id bigint, collector_id bigint, principal bigint, reason text)
  language plpgsql
as $$
#variable_conflict use_column
declare
  v_settings worker.configuration := (select c from worker.configuration as c);
  v_verdicts worker.unknown_account_verdict[];
begin
  -- What is nobody's question any more: needed by now, no ID of a collector, silent for very long, or of the sibling of
  -- this shard after a split.
  delete from worker.unknown_account as k
  where
    exists (
      select from worker.needed_worker_account as n
      where n.creditor_id = k.creditor_id and n.debtor_id = k.debtor_id
    )
    or k.creditor_id not between v_settings.min_collector_id and v_settings.max_collector_id
    or k.reported_at < worker.now() - v_settings.max_heartbeat_delay
    or worker.is_parent_row(k.key_hash, v_settings);
  -- They may all be those of a database that was forgotten.
  if worker.is_suspiciously_empty() then
    return;
  end if;

  with locked as materialized (
    select k.*
    from worker.unknown_account as k
    inner join unnest(p_debtor_ids, p_collector_ids, p_known) as u(debtor_id, collector_id, is_known)
      on k.creditor_id = u.collector_id and k.debtor_id = u.debtor_id
    -- What the catalogue knows is adopted in the next pass.
    where not u.is_known and (k.key_hash & v_settings.realm_mask) = v_settings.realm
    order by k.creditor_id, k.debtor_id
    for update of k skip locked
  )
  select array_agg(
    row(
      k.creditor_id,
      k.debtor_id,
      case
        when exists (select from worker.trading_policy as p where p.creditor_id = k.creditor_id) then 'customer'
        when greatest(k.principal, k.principal + k.interest) > k.accepted_loss then 'money'
      end,
      -- Asked for once an hour, as long as the authority says something else.
      k.ordered_at is null
      or k.ordered_at > worker.now()
      or (
        k.ordered_at < k.reported_at
        and k.ordered_at <= worker.now() - interval '1 hour'
        and not ((k.config_flags & 1) = 1 and k.negligible_amount = k.accepted_loss)
      )
    )::worker.unknown_account_verdict
    order by k.creditor_id, k.debtor_id
  )
  into v_verdicts
  from locked as k;

  perform worker.discard_unknown_accounts(array_agg(v.creditor_id), array_agg(v.debtor_id))
  from unnest(v_verdicts) as v
  where v.reason is null and v.is_due;

  return query
  update worker.unknown_account as k set status = 'held', reason = v.reason
  from unnest(v_verdicts) as v
  where
    v.reason is not null
    and k.creditor_id = v.creditor_id
    and k.debtor_id = v.debtor_id
    and k.reason is distinct from v.reason
  returning k.debtor_id, k.creditor_id, k.principal, k.reason;
end
$$;

comment on function worker.judge_unknown_accounts is
  'Decides about listed accounts that nobody asked for. p_known: which of them the solver''s catalogue has (the '
  'arrays are aligned). Those that nobody knows are given up, unless more than 2 tokens are on them, or their owner '
  'has a trading policy: these are held until an operator decides. Nothing is decided while this database is '
  'suspiciously empty. Returns those that are held from now on, with their principal in tokens. Called by the '
  'poll of collectors.';
