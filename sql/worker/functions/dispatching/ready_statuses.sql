create or replace function worker.ready_statuses(p_lane integer, p_limit integer, p_skip integer)
  returns setof worker.dispatching_key
  language sql
  stable
begin atomic
  select s.collector_id, s.turn_id, s.debtor_id
  from worker.dispatching_status as s
  cross join worker.configuration as c
  where (s.key_hash & (c.lane_count - 1)) = p_lane
    and (s.key_hash & c.realm_mask) = c.realm
    and case
      when s.started_dispatching then not exists (
        select
        from worker.worker_dispatching as w
        where w.collector_id = s.collector_id and w.turn_id = s.turn_id and w.debtor_id = s.debtor_id
      )
      when s.started_sending and not s.all_sent then not exists (
        select
        from worker.worker_sending as w
        where w.from_collector_id = s.collector_id and w.turn_id = s.turn_id and w.debtor_id = s.debtor_id
      )
      when s.awaiting_signal_flag then false
      when s.all_sent then not exists (
        select
        from worker.worker_receiving as w
        where w.to_collector_id = s.collector_id
          and w.turn_id = s.turn_id
          and w.debtor_id = s.debtor_id
          and w.received_amount = 0
      )
      else not exists (
        select
        from worker.worker_collecting as w
        where w.collector_id = s.collector_id
          and w.turn_id = s.turn_id
          and w.debtor_id = s.debtor_id
          and not w.collected
      )
    end
  order by s.turn_id, s.collector_id, s.debtor_id
  limit p_limit
  offset p_skip;
end;

comment on function worker.ready_statuses is
  'Collectors of a lane that can take a step because nothing is missing any more, without the first p_skip. Called by '
  'advance_dispatching, and to name what is too much for the server.';
