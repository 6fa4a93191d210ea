create or replace function worker.begin_split(p_binding_key text)
  returns void
  language plpgsql
as $$
declare
  v_key text;
begin
  lock table worker.configuration in share row exclusive mode;
  select i.binding_key into v_key from worker.identity as i;
  if v_key is distinct from p_binding_key then
    raise exception using errcode = 'ST040', message = 'the database belongs to another shard',
      detail = format('the database is that of %s, the shard to split is %s', coalesce(v_key, 'none'), p_binding_key),
      hint = 'Look at WORKER_POSTGRES_URL and PROTOCOL_BROKER_QUEUE_ROUTING_KEY.';
  end if;
  insert into worker.shard_split (parent_key, started_at) values (p_binding_key, worker.now())
  on conflict (only_row) do update
  set parent_key = excluded.parent_key, started_at = excluded.started_at, sealed_at = null
  where shard_split.parent_key <> excluded.parent_key;
end
$$;

comment on function worker.begin_split is
  'Begins to split this shard: leaves a row by which copies can be recognized. A split that has begun goes on. Fails '
  'with ST040 when the database is that of another shard. Called by split_shard.';
