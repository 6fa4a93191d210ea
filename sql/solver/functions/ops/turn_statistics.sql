create or replace function solver.turn_statistics(p_turn_ids integer[])
  returns table (
    turn_id integer,
    currencies bigint,
    takings numeric,
    givings numeric,
    collector_transfers numeric
  )
  language sql
  security definer
  stable
begin atomic
  select
    s.turn_id,
    count(*),
    sum(s.takings),
    sum(s.givings),
    sum(s.collector_transfers)
  from solver.transfer_statistic as s
  where s.turn_id = any(p_turn_ids)
  group by s.turn_id;
end;

comment on function solver.turn_statistics is
  'How many transfers were arranged in each of these turns, and in how many currencies; no row for a turn without '
  'transfers. Called by the admin API.';
