create or replace function worker.collector_turns(p_collector_id bigint, p_debtor_id bigint, p_limit integer)
  returns setof worker.dispatching_status
  language sql
  security definer
  stable
begin atomic
  select s.*
  from worker.dispatching_status as s
  where s.collector_id = p_collector_id and s.debtor_id = p_debtor_id
  order by s.turn_id
  limit p_limit;
end;

comment on function worker.collector_turns is
  'How far a collector got with the money of up to p_limit turns, the earliest first; of what is over nothing is left. '
  'Called by the dashboard.';
