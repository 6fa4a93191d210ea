create or replace function worker.adopt_collectors(
  p_debtor_ids bigint[],
  p_collector_ids bigint[],
  p_statuses smallint[]
)
  returns integer
  language plpgsql
as $$
declare
  v_debtor_ids bigint[];
  v_collector_ids bigint[];
  v_orders integer;
begin
  select array_agg(k.debtor_id), array_agg(k.collector_id) into v_debtor_ids, v_collector_ids
  from unnest(p_debtor_ids, p_collector_ids, p_statuses) as k(debtor_id, collector_id, status)
  left join worker.needed_worker_account as n
    on k.collector_id = n.creditor_id and k.debtor_id = n.debtor_id
  where
    k.status <> worker.pristine()
    -- A disabled collector with the ID of a customer was never ours.
    and not (
      k.status = worker.disabled() and exists (select from worker.trading_policy as p where p.creditor_id = k.collector_id)
    )
    and (
      n.creditor_id is null
      -- Adopted or active, and the order was lost: it is repeated after the extreme message delay.
      or (
        k.status = worker.active()
        and n.purged_at is null
        and n.released_at is null
        and not exists (
          select from worker.worker_account as a
          where a.creditor_id = k.collector_id and a.debtor_id = k.debtor_id
        )
      )
    );
  v_orders := worker.configure_collectors(v_debtor_ids, v_collector_ids);
  if v_orders > 0 then
    raise warning 'collectors that this database did not know are adopted: % of them; was it restored?', v_orders;
  end if;
  return v_orders;
end
$$;

comment on function worker.adopt_collectors is
  'Takes over collectors of this shard which the solver''s catalogue has (status 1, 2 or 3) and this database lacks, '
  'since it was restored or is new: their accounts are needed, and configured as ours, so that the authority tells '
  'what is on them. The arrays are aligned. Released ones are known, and never adopted. Returns how many. Called by '
  'reconcile_collectors.';
