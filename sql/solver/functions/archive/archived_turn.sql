create or replace function solver.archived_turn(p_turn_id integer)
  returns timestamptz
  language plpgsql
  security definer
  stable
as $$
declare
  v_started_at timestamptz;
begin
  if not solver.keeps_archive() then
    return null;
  end if;
  select a.started_at into v_started_at
  from solver.turn_archive as a
  where a.turn_id = p_turn_id
    -- Not that of another turn with this ID, which was lost when this database stepped back.
    and not exists (select from solver.turn as t where t.turn_id = p_turn_id and t.started_at <> a.started_at)
  order by a.started_at desc
  limit 1;
  return v_started_at;
end
$$;

comment on function solver.archived_turn is
  'When the turn started whose archive is that of p_turn_id; null: there is no archive of it. Called by operators and '
  'the admin API.';
