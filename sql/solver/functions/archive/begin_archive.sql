create or replace function solver.begin_archive(p_turn_id integer)
  returns timestamptz
  language plpgsql
as $$
declare
  v_started_at timestamptz;
begin
  if not solver.keeps_archive() then
    return null;
  end if;
  select t.started_at into v_started_at from solver.turn as t where t.turn_id = p_turn_id;
  -- A turn that is solved again, because this database stepped back, has another result.
  delete from solver.turn_archive where turn_id = p_turn_id and started_at = v_started_at;
  return v_started_at;
end
$$;

comment on function solver.begin_archive is
  'Empties the archive of a turn; returns when the turn started, or null when nothing can be archived: there is no '
  'such turn, or no table. Called by the solver''s pipeline, before solver.archive_part.';
