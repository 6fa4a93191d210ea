create or replace function worker.bind_identity(p_installation_id uuid, p_binding_key text, p_is_forced boolean)
  returns boolean
  language plpgsql
as $$
declare
  v_problem text;
  v_old worker.identity;
begin
  lock table worker.configuration in share row exclusive mode;
  select i.* into v_old from worker.identity as i;
  if v_old.installation_id = p_installation_id and v_old.binding_key = p_binding_key and not p_is_forced then
    return false;
  end if;
  v_problem := worker.binding_problem(p_installation_id, p_binding_key);
  if v_problem is not null and not p_is_forced then
    raise exception using errcode = 'ST040', message = 'the database belongs to another shard', detail = v_problem;
  end if;
  if v_old.binding_key is not null then
    perform worker.exclude_processes(v_old.binding_key);
  end if;
  -- Who forces a binding takes a split back.
  delete from worker.shard_split where p_is_forced and sealed_at is not null;
  insert into worker.identity (installation_id, binding_key, lane_count, bound_at)
  select p_installation_id, p_binding_key, c.lane_count, worker.now() from worker.configuration as c
  on conflict (only_row) do update
  set
    installation_id = excluded.installation_id,
    binding_key = excluded.binding_key,
    lane_count = excluded.lane_count,
    bound_at = excluded.bound_at;
  return true;
end
$$;

comment on function worker.bind_identity is
  'Binds this database to an installation and a binding key; p_is_forced: whatever it was bound to before. Returns '
  'whether that is news. Fails with ST040 when it is bound to something else, and with ST043 when a process is '
  'connected. Called by configure.';
