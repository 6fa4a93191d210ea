create or replace function solver.delete_old_archives(p_turns integer, p_limit integer)
  returns integer
  language plpgsql
as $$
declare
  v_count integer;
begin
  if not solver.keeps_archive() then
    return 0;
  end if;
  with old as (
    select a.turn_id, a.started_at
    from solver.turn_archive as a
    group by a.turn_id, a.started_at
    order by a.turn_id desc, a.started_at desc
    limit p_limit offset p_turns
  ),
  deleted as (
    delete from solver.turn_archive as a
    using old
    where a.turn_id = old.turn_id and a.started_at = old.started_at
    returning a.turn_id, a.started_at
  )
  select count(distinct (d.turn_id, d.started_at)) into v_count from deleted as d;
  return v_count;
end
$$;

comment on function solver.delete_old_archives is
  'Deletes up to p_limit archives of turns, all but those of the latest p_turns; returns how many. Later turns have '
  'higher IDs. Called by the solver''s turn loop.';
