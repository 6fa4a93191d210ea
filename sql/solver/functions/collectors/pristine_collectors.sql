create or replace function solver.pristine_collectors(p_hash_mask integer, p_hash_prefix integer, p_limit integer)
  returns table (debtor_id bigint, collector_id bigint)
  language sql
  stable
begin atomic
  select
    c.debtor_id,
    c.collector_id
  from solver.collector_account as c
  where c.status = solver.pristine() and (c.collector_hash & p_hash_mask) = p_hash_prefix
  order by c.debtor_id, c.collector_id
  limit p_limit;
end;

comment on function solver.pristine_collectors is
  'Collectors of a shard whose accounts have not been asked for yet. Mask and prefix are the first 16 bits of '
  'the realm as signed numbers. Called by the pristine poll.';
