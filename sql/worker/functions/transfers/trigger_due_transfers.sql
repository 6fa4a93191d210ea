create or replace function worker.trigger_due_transfers(p_lane integer, p_limit integer)
  returns integer
  language plpgsql
as $$
declare
  v_due worker.transfer_attempt_key[];
begin
  if not worker.try_lock_lane(p_lane) then
    return 0;
  end if;
  select array_agg(
    row(d.collector_id, d.turn_id, d.debtor_id, d.creditor_id, d.is_dispatching)::worker.transfer_attempt_key
  )
  into v_due
  from (
    select a.collector_id, a.turn_id, a.debtor_id, a.creditor_id, a.is_dispatching
    from worker.transfer_attempt as a
    cross join worker.configuration as c
    where a.rescheduled_for <= worker.now()
      and (a.key_hash & (c.lane_count - 1)) = p_lane
      and (a.key_hash & c.realm_mask) = c.realm
    order by a.rescheduled_for
    limit p_limit
  ) as d;
  if v_due is null then
    return 0;
  end if;
  return worker.trigger_transfers(v_due);
end
$$;

comment on function worker.trigger_due_transfers is
  'Triggers up to p_limit transfer attempts of a lane whose waiting time is over, and returns how many. 0 also if '
  'somebody else '
  'works on the lane. One call is one transaction. Called periodically by the worker.';
