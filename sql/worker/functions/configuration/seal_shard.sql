create or replace function worker.seal_shard(p_binding_key text)
  returns timestamptz
  language plpgsql
as $$
declare
  v_sealed_at timestamptz;
begin
  -- No process can start meanwhile.
  lock table worker.configuration in share row exclusive mode;
  perform worker.begin_split(p_binding_key);
  perform worker.exclude_processes(p_binding_key);
  update worker.shard_split
  set sealed_at = coalesce(sealed_at, greatest(worker.now(), started_at))
  returning sealed_at into strict v_sealed_at;
  return v_sealed_at;
end
$$;

comment on function worker.seal_shard is
  'From now on no process works with this shard''s key, only with those of its halves, in copies. Returns since when. '
  'Fails with ST043 while any process is connected, and with ST040 when the database is that of another shard. '
  'Called by split_shard, when nothing comes from the broker any more.';
