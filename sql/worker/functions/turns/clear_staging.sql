create or replace function worker.clear_staging(p_turn_id integer, p_phase integer)
  returns void
  language plpgsql
as $$
declare
  v_rows bigint;
begin
  delete from worker.staging_stamp where turn_id = p_turn_id and phase = p_phase returning row_count into v_rows;
  if p_phase = 2 then
    delete from worker.staged_currency where turn_id = p_turn_id;
    delete from worker.staged_price where turn_id = p_turn_id;
    delete from worker.staged_alive_collector where turn_id = p_turn_id;
  elsif p_phase = 3 then
    if v_rows > 100000 and not exists (select from worker.staging_stamp where phase = 3) then
      begin
        -- At once, instead of seconds for millions of rows, unless somebody reads them, as a dump does for minutes.
        lock table worker.staged_participation, worker.staged_collector_payment in access exclusive mode nowait;
        truncate worker.staged_participation, worker.staged_collector_payment;
        return;
      exception
        when lock_not_available then null;
      end;
    end if;
    delete from worker.staged_participation where turn_id = p_turn_id;
    delete from worker.staged_collector_payment where turn_id = p_turn_id;
  end if;
end
$$;

comment on function worker.clear_staging is
  'Deletes the staged solver rows of a turn''s phase with their stamp. Called before loading and after the last '
  'lane.';
