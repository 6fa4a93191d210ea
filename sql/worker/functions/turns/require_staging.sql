create or replace function worker.require_staging(p_turn_id integer, p_phase integer)
  returns void
  language plpgsql
as $$
begin
  if not exists (select from worker.staging_stamp where turn_id = p_turn_id and phase = p_phase) then
    raise exception using errcode = 'ST020', message = 'the solver rows of the turn are not loaded',
      detail = format('turn %s, phase %s', p_turn_id, p_phase),
      hint = 'The turn loop loads them again; a crash of the database empties them.';
  end if;
end
$$;

comment on function worker.require_staging is
  'Fails with ST020 unless the solver rows of a turn''s phase are loaded. Called by the lane steps.';
