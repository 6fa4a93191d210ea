create or replace function worker.due_transfers(p_lane integer, p_limit integer, p_skip integer)
  returns setof worker.transfer_attempt_key
  language sql
  stable
begin atomic
  select a.collector_id, a.turn_id, a.debtor_id, a.creditor_id, a.is_dispatching
  from worker.transfer_attempt as a
  cross join worker.configuration as c
  where a.rescheduled_for <= worker.now()
    and a.held_at is null
    and (a.key_hash & (c.lane_count - 1)) = p_lane
    and (a.key_hash & c.realm_mask) = c.realm
  order by a.rescheduled_for, a.collector_id, a.turn_id, a.debtor_id, a.creditor_id, a.is_dispatching
  limit p_limit
  offset p_skip;
end;

comment on function worker.due_transfers is
  'Transfer attempts of a lane whose waiting time is over, those that waited longest first, without the first p_skip. '
  'Called by trigger_due_transfers, and to name what is too much for the server.';
