create or replace function solver.begin_phase2(
  p_turn_id integer,
  p_phase2_duration interval,
  p_max_commit_period interval
)
  returns boolean
  language plpgsql
  -- A day has 24 hours: authorities count the seconds of their periods.
  set timezone = 'UTC'
as $$
begin
  perform from solver.turn
  where turn_id = p_turn_id
    and phase = 1
    and solver.is_phase_over(started_at, phase_deadline)
    and not is_contradicted
    and not solver.is_stepped_back()
  for update;
  if not found then
    return false;
  end if;

  insert into solver.currency_info (
    turn_id,
    debtor_info_locator,
    debtor_id,
    peg_debtor_info_locator,
    peg_debtor_id,
    peg_exchange_rate,
    is_confirmed,
    name,
    abbreviation
  )
  select
    d.turn_id,
    d.debtor_info_locator,
    d.debtor_id,
    d.peg_debtor_info_locator,
    d.peg_debtor_id,
    d.peg_exchange_rate,
    c.debtor_id is not null
    and exists (select from solver.collector_account as a where a.debtor_id = d.debtor_id and a.status = solver.active()),
    d.name,
    d.abbreviation
  from solver.debtor_info as d
    left join solver.confirmed_debtor as c using (turn_id, debtor_id, debtor_info_locator)
  where d.turn_id = p_turn_id;

  update solver.turn
  set
    phase = 2,
    phase_deadline = solver.now() + p_phase2_duration,
    collection_deadline = solver.now() + p_max_commit_period
  where turn_id = p_turn_id;
  perform solver.note_phase(p_turn_id);

  -- Of every turn past phase 1, and of unknown ones: a slow worker may have written behind the back of an older turn.
  delete from solver.debtor_info where turn_id not in (select t.turn_id from solver.turn as t where t.phase < 2);
  delete from solver.confirmed_debtor where turn_id not in (select t.turn_id from solver.turn as t where t.phase < 2);
  return true;
end
$$;

comment on function solver.begin_phase2 is
  'Ends phase 1 of a turn: fixes its currencies and deletes what the workers reported. False: the turn is not in '
  'phase 1 any more, its deadline did not pass, or this database may have stepped back. '
  'Called by the solver''s turn loop.';
