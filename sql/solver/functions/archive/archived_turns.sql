create or replace function solver.archived_turns()
  returns table (turn_id integer, started_at timestamptz, bytes bigint)
  language plpgsql
  security definer
  stable
as $$
begin
  if solver.keeps_archive() then
    return query
    select a.turn_id, a.started_at, sum(length(a.body))
    from solver.turn_archive as a
    group by a.turn_id, a.started_at
    order by a.turn_id desc, a.started_at desc;
  end if;
end
$$;

comment on function solver.archived_turns is
  'The turns that have an archive, the latest first, and how large it is. Called by operators.';
