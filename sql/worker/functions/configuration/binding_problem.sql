create or replace function worker.binding_problem(p_installation_id uuid, p_binding_key text)
  returns text
  language sql
  stable
begin atomic
  select case
    when i.installation_id <> p_installation_id then
      format('it is bound to the installation %s, the solver''s database has %s', i.installation_id, p_installation_id)
    when i.installation_id is not null and p_installation_id is null then
      format('it is bound to the installation %s, the solver''s database has none', i.installation_id)
    when i.binding_key <> p_binding_key then
      format('it is bound to the key %s, the environment has %s', i.binding_key, p_binding_key)
    -- Not bound, and yet a process has worked with it.
    when i.binding_key is null and c.binding_key not in ('#', p_binding_key) then
      format('it was used with the key %s, the environment has %s', c.binding_key, p_binding_key)
  end
  from worker.configuration as c
  left join worker.identity as i on true;
end;

comment on function worker.binding_problem is
  'Why this database can not be that of a shard, with both values; null if it can. p_installation_id: null if the '
  'solver''s database has none yet. Called by worker.bind_identity and by configure.';
