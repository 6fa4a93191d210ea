create or replace function solver.begin_phase3(p_turn_id integer)
  returns boolean
  language plpgsql
as $$
begin
  update solver.turn
  set phase = 3, phase_deadline = null, collection_started_at = solver.now()
  where turn_id = p_turn_id and phase = 2 and solver.is_phase_over(started_at, phase_deadline);
  if not found then
    return false;
  end if;

  -- Of every turn past phase 2, and of unknown ones: a slow worker may have written behind the back of an older turn.
  delete from solver.currency_info where turn_id not in (select t.turn_id from solver.turn as t where t.phase < 3);
  delete from solver.sell_offer where turn_id not in (select t.turn_id from solver.turn as t where t.phase < 3);
  delete from solver.buy_offer where turn_id not in (select t.turn_id from solver.turn as t where t.phase < 3);
  return true;
end
$$;

comment on function solver.begin_phase3 is
  'Ends phase 2 of a turn and deletes its currencies and offers; the caller writes the results in the same '
  'transaction. False: the turn is not in phase 2 any more, or its deadline did not pass. Called by the solver''s '
  'pipeline.';
