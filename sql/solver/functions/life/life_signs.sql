create or replace function solver.life_signs(out beat bigint, out step_back_id bigint, out turns jsonb)
  language sql
  stable
as $$
  select
    coalesce((select l.beat from solver.life as l), 0),
    solver.open_step_back(),
    (select coalesce(jsonb_agg(to_jsonb(t)), '[]') from solver.unfinished_turns() as t)
$$;

comment on function solver.life_signs is
  'What a worker compares with what it has seen: the count of beats, the unresolved step back if there is one, and the '
  'open turns. Called by the workers'' turn loops at each look.';
