create or replace function solver.collectors_to_remove(
  p_hash_mask integer,
  p_hash_prefix integer,
  p_delay interval,
  p_offset integer,
  p_limit integer
)
  returns table (debtor_id bigint, collector_id bigint, heir_id bigint)
  language sql
  stable
begin atomic
  select
    c.debtor_id,
    c.collector_id,
    (
      select min(h.collector_id)
      from solver.collector_account as h
      where h.debtor_id = c.debtor_id and h.status = solver.active()
    )
  from solver.collector_account as c
  where
    c.status = solver.disabled()
    and c.latest_status_change_at < solver.now() - p_delay
    and (c.collector_hash & p_hash_mask) = p_hash_prefix
  order by c.latest_status_change_at, c.debtor_id, c.collector_id
  limit p_limit
  offset p_offset;
end;

comment on function solver.collectors_to_remove is
  'Collectors of a shard that were disabled more than p_delay (worker.collector_slack) ago, longest ago first, each '
  'with the active collector of the same currency that gets its money; null if there is none; all but the '
  'first p_offset. Mask and prefix as in pristine_collectors. Called by the pristine poll.';
