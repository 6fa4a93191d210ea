create or replace function solver.count_missing_collectors(
  p_debtor_id bigint,
  p_count bigint,
  p_min_collector_id bigint,
  p_max_collector_id bigint
)
  returns bigint
  language sql
begin atomic
  -- Locked until the end of the transaction, so that nobody else counts or creates before we have.
  select pg_advisory_xact_lock(7310, solver.hash32(p_debtor_id));

  select case
    when p_count <= a.alive then 0
    -- Free IDs would be hard to find by chance. Numeric, because both sides may exceed a bigint.
    when p_count::numeric + a.dead > floor((p_max_collector_id::numeric - p_min_collector_id + 1) * 3 / 4) then null
    else p_count - a.alive
  end
  from (
    select
      count(*) filter (where c.status <> solver.disabled()) as alive,
      count(*) filter (where c.status = solver.disabled()) as dead
    from solver.collector_account as c
    where c.debtor_id = p_debtor_id
  ) as a;
end;

comment on function solver.count_missing_collectors is
  'How many collector accounts a currency lacks to have p_count alive ones; null if there are not enough free '
  'collector IDs. Locks the currency''s collectors. Called by ensure_collectors and apply_worker_requests.';
