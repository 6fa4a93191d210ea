create or replace function worker.exclude_processes(p_binding_key text)
  returns void
  language plpgsql
as $$
begin
  if not pg_try_advisory_xact_lock(7305, hashtext(p_binding_key)) then
    raise exception using errcode = 'ST043', message = 'processes of the shard still work on the database',
      detail = format('with the key %s', p_binding_key),
      hint = 'Stop them first; pg_stat_activity shows their connections.';
  end if;
end
$$;

comment on function worker.exclude_processes is
  'Fails while any process that started with this binding key is connected. Called when the key changes, under the '
  'configuration''s lock, so that none can start meanwhile.';
