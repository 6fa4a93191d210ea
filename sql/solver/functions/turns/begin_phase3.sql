create or replace function solver.begin_phase3(p_turn_id integer)
  returns boolean
  language plpgsql
as $$
begin
  -- Payments follow from it, so it must not be forgotten.
  perform solver.commit_surely();
  update solver.turn
  set phase = 3, phase_deadline = null, collection_started_at = solver.now()
  where turn_id = p_turn_id
    and phase = 2
    and solver.is_phase_over(started_at, phase_deadline)
    and not is_contradicted
    and not solver.is_stepped_back();
  if not found then
    return false;
  end if;
  perform solver.note_phase(p_turn_id);

  -- Of every turn past phase 2, and of unknown ones: a slow worker may have written behind the back of an older turn.
  delete from solver.currency_info where turn_id not in (select t.turn_id from solver.turn as t where t.phase < 3);
  delete from solver.sell_offer where turn_id not in (select t.turn_id from solver.turn as t where t.phase < 3);
  delete from solver.buy_offer where turn_id not in (select t.turn_id from solver.turn as t where t.phase < 3);
  -- A shard that loses its database needs those of the latest turn, or of the one before.
  delete from solver.fetched_result
  where turn_id < (select max(t.turn_id) from solver.turn as t where t.phase >= 3 and t.turn_id < p_turn_id);
  return true;
end
$$;

comment on function solver.begin_phase3 is
  'Ends phase 2 of a turn and deletes its currencies and offers; the caller writes the results in the same '
  'transaction. False: the turn is not in phase 2 any more, its deadline did not pass, or this database may have '
  'stepped back. Called by the solver''s pipeline.';
