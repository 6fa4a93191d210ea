create or replace function solver.past_moment(p_moment timestamptz)
  returns timestamptz
  language sql
  stable
begin atomic
  select case when p_moment <= solver.now() + interval '1 hour' then p_moment end;
end;

comment on function solver.past_moment is
  'A stored moment, or null if it lies in the future: then the clock was wrong, and it counts as absent. Up to an '
  'hour is taken for what clocks may differ by. Called wherever turns are judged by when they began.';
