create or replace function worker.end_bidding(p_turn_id integer)
  returns boolean
  language plpgsql
as $$
declare
  v_deadline timestamptz;
  v_hashes integer[];
  v_messages jsonb[];
begin
  select phase_deadline into v_deadline
  from worker.worker_turn
  where turn_id = p_turn_id and phase = 2 and worker_turn_subphase = 0
  for no key update;
  if not found then
    return true;
  end if;
  if v_deadline > worker.now() and not worker.has_finished_lanes(p_turn_id, 2) then
    return false;
  end if;

  -- A policy may peg to any ID, so there is a limit for each turn (G38). Currencies take turns: the order depends on
  -- the turn. A currency whose request is pending is not among them, however long it has been: its collector is alive.
  select
    array_agg(worker.hash32(n.debtor_id) order by n.rank),
    array_agg(
      jsonb_build_object('type', 'NeededCollector', 'debtor_id', n.debtor_id, 'ts', worker.now())
      order by n.rank
    )
  into v_hashes, v_messages
  from (
    select debtor_id, hashint8extended(debtor_id, p_turn_id) as rank
    from worker.turn_needed_currency
    where turn_id = p_turn_id
    order by rank
    limit 1000
  ) as n;
  perform worker.send_internal('NeededCollector', v_hashes, v_messages);

  delete from worker.turn_needed_currency where turn_id = p_turn_id;
  perform worker.clear_staging(p_turn_id, 2);
  return worker.end_step(p_turn_id, 2, 0);
end
$$;

comment on function worker.end_bidding is
  'Ends step 2/0 of a turn after its last lane, or when the deadline passed: asks for the needed collectors. False: '
  'some lane is not done. Called by the worker''s turn loop.';
