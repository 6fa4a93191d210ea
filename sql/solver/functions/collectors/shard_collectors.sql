create or replace function solver.shard_collectors(
  p_hash_mask integer,
  p_hash_prefix integer,
  p_after_debtor_id bigint,
  p_after_collector_id bigint,
  p_limit integer
)
  returns table (debtor_id bigint, collector_id bigint, status smallint)
  language sql
  stable
begin atomic
  select
    c.debtor_id,
    c.collector_id,
    c.status
  from solver.collector_account as c
  where
    (p_after_debtor_id is null or (c.debtor_id, c.collector_id) > (p_after_debtor_id, p_after_collector_id))
    and (c.collector_hash & p_hash_mask) = p_hash_prefix
  order by c.debtor_id, c.collector_id
  limit p_limit;
end;

comment on function solver.shard_collectors is
  'A page of the catalogue: the collectors of a shard after p_after_… (null: from the beginning), by debtor and '
  'collector. Mask and prefix as in pristine_collectors. Called by the poll of collectors, which compares it with its '
  'own.';
