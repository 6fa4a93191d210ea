create or replace function solver.has_earlier_trades(p_turn_id integer)
  returns boolean
  language sql
  stable
begin atomic
  select exists (
    select 1
    from solver.transfer_statistic as s
    where s.turn_id < p_turn_id
  );
end;

comment on function solver.has_earlier_trades is
  'Whether any of the turns before this one that are still known has traded. Called by the loop over turns, to tell '
  'operators of a turn without offers.';
