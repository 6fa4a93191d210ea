create or replace function solver.list_overdue_collectors(
  p_hash_mask integer,
  p_hash_prefix integer,
  p_delay interval,
  p_limit integer
)
  returns table (debtor_id bigint, collector_id bigint)
  language sql
  stable
begin atomic
  select
    c.debtor_id,
    c.collector_id
  from solver.collector_account as c
  where
    c.status = solver.requested()
    and c.latest_status_change_at < solver.now() - p_delay
    and (c.collector_hash & p_hash_mask) = p_hash_prefix
  order by c.latest_status_change_at, c.debtor_id, c.collector_id
  limit p_limit;
end;

comment on function solver.list_overdue_collectors is
  'Collectors of a shard that were requested more than p_delay (the extreme message delay) ago. Mask and prefix '
  'as in pristine_collectors. Called by the pristine poll, now and then.';
