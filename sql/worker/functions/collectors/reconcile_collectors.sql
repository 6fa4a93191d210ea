create or replace function worker.reconcile_collectors(
  p_debtor_ids bigint[],
  p_collector_ids bigint[],
  p_statuses smallint[],
  p_after_debtor_id bigint,
  p_after_collector_id bigint,
  p_is_last boolean
)
  returns table (debtor_id bigint, collector_id bigint, status smallint, account_id text)
  language plpgsql
as $$
#variable_conflict use_column
declare
  v_settings worker.configuration := (select c from worker.configuration as c);
  v_last_debtor_id bigint;
  v_last_collector_id bigint;
begin
  perform worker.adopt_collectors(p_debtor_ids, p_collector_ids, p_statuses);

  -- The solver forgot something that has happened here: a restored database, or a lost request.
  perform worker.request_solver(
    array_agg(
      jsonb_build_object('debtor_id', k.debtor_id, 'creditor_id', k.collector_id, 'ts', worker.now())
      || case
        when n.released_at is null then jsonb_build_object('type', 'ActivateCollector', 'account_id', a.account_id)
        else jsonb_build_object('type', 'DisableCollector', 'is_replaced', true)
      end
      order by k.debtor_id, k.collector_id
    )
  )
  from unnest(p_debtor_ids, p_collector_ids, p_statuses) as k(debtor_id, collector_id, status)
  inner join worker.needed_worker_account as n
    on k.collector_id = n.creditor_id and k.debtor_id = n.debtor_id
  left join worker.worker_account as a
    on k.collector_id = a.creditor_id and k.debtor_id = a.debtor_id
  where case
    when n.released_at is not null then k.status <> worker.disabled()
    else k.status in (worker.pristine(), worker.requested()) and a.account_id <> '' and not a.has_foreign_configuration
  end;

  if not p_is_last then
    select k.debtor_id, k.collector_id into v_last_debtor_id, v_last_collector_id
    from unnest(p_debtor_ids, p_collector_ids) as k(debtor_id, collector_id)
    order by k.debtor_id desc, k.collector_id desc
    limit 1;
  end if;

  -- Given up, gone, and forgotten by the solver: nothing is left of them.
  with gone as (
    delete from worker.needed_worker_account as n
    where
      n.released_at is not null
      and (p_after_debtor_id is null or (n.debtor_id, n.creditor_id) > (p_after_debtor_id, p_after_collector_id))
      and (v_last_debtor_id is null or (n.debtor_id, n.creditor_id) <= (v_last_debtor_id, v_last_collector_id))
      and (n.key_hash & v_settings.realm_mask) = v_settings.realm
      and not exists (
        select from worker.worker_account as a
        where a.creditor_id = n.creditor_id and a.debtor_id = n.debtor_id
      )
      and not exists (
        select from unnest(p_debtor_ids, p_collector_ids) as k(debtor_id, collector_id)
        where k.collector_id = n.creditor_id and k.debtor_id = n.debtor_id
      )
    returning n.creditor_id, n.debtor_id
  )
  delete from worker.interest_rate_change as i
  using gone as g
  where i.creditor_id = g.creditor_id and i.debtor_id = g.debtor_id;

  return query
  select
    n.debtor_id,
    n.creditor_id,
    case
      when n.released_at is not null or n.purged_at is not null then worker.disabled()
      when a.account_id <> '' and not a.has_foreign_configuration then worker.active()
      else worker.requested()
    end,
    coalesce(a.account_id, '')
  from worker.needed_worker_account as n
  left join worker.worker_account as a using (creditor_id, debtor_id)
  where
    (p_after_debtor_id is null or (n.debtor_id, n.creditor_id) > (p_after_debtor_id, p_after_collector_id))
    and (v_last_debtor_id is null or (n.debtor_id, n.creditor_id) <= (v_last_debtor_id, v_last_collector_id))
    and (n.key_hash & v_settings.realm_mask) = v_settings.realm
    and n.debtor_id <> 0
    and not exists (
      select from unnest(p_debtor_ids, p_collector_ids) as k(debtor_id, collector_id)
      where k.collector_id = n.creditor_id and k.debtor_id = n.debtor_id
    )
  order by n.debtor_id, n.creditor_id;
end
$$;

comment on function worker.reconcile_collectors is
  'Compares a page of the solver''s catalogue, in the order of debtor and collector, with the collectors of this '
  'shard after p_after_… (null: from the beginning), up to the last one of the page or, p_is_last, the last one of '
  'all. Adopts what this database lacks, repeats to the solver what it does not know of accounts (its next requests), '
  'and returns what the catalogue lacks and this shard needs, with the status it should have there. The arrays are '
  'aligned. Called by the poll of collectors.';
