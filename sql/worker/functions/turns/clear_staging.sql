create or replace function worker.clear_staging(p_turn_id integer, p_phase integer)
  returns void
  language plpgsql
as $$
begin
  delete from worker.staging_stamp where turn_id = p_turn_id and phase = p_phase;
  if p_phase = 2 then
    delete from worker.staged_currency where turn_id = p_turn_id;
    delete from worker.staged_price where turn_id = p_turn_id;
    delete from worker.staged_alive_collector where turn_id = p_turn_id;
  elsif p_phase = 3 then
    delete from worker.staged_participation where turn_id = p_turn_id;
    delete from worker.staged_collector_payment where turn_id = p_turn_id;
  end if;
end
$$;

comment on function worker.clear_staging is
  'Deletes the staged solver rows of a turn''s phase with their stamp. Called before loading and after the last '
  'lane.';
