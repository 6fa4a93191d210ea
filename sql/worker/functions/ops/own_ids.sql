create or replace function worker.own_ids(p_ids bigint[])
  returns setof bigint
  language sql
  security definer
  stable
begin atomic
  select distinct i.id from unnest(p_ids) as i (id) where worker.in_realm(worker.hash32(i.id));
end;

comment on function worker.own_ids is
  'Those of these traders and collectors whose accounts are this shard''s. Called by the admin API.';
