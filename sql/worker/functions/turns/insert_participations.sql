create or replace function worker.insert_participations(p_turn_id integer, p_lane integer)
  returns void
  language sql
as $$
  -- Of a single token nothing would be left after the cut.
  insert into worker.creditor_participation (creditor_id, debtor_id, turn_id, amount, collector_id)
  select s.creditor_id, s.debtor_id, s.turn_id, s.amount, s.collector_id
  from worker.staged_participation as s
    cross join worker.configuration as c
  where s.turn_id = p_turn_id
    and (s.key_hash & (c.lane_count - 1)) = p_lane
    and (s.key_hash & c.realm_mask) = c.realm
    and (s.amount < 0 or s.amount > 1)
$$;

comment on function worker.insert_participations is
  'Takes over the verdicts of a turn on the accounts of a lane. Called by worker.settle_lane.';
