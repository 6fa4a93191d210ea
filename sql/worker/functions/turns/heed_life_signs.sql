create or replace function worker.heed_life_signs(p_beat bigint, p_turns jsonb)
  returns table (highest_beat bigint, contradicted integer[])
  language plpgsql
as $$
begin
  insert into worker.solver_life as l (beat) values (p_beat)
  on conflict (only_row) do update set beat = excluded.beat where l.beat < excluded.beat;
  return query
  select l.beat, array(select worker.contradicted_turns(p_turns)) from worker.solver_life as l;
end
$$;

comment on function worker.heed_life_signs is
  'Compares what the solver''s database says of itself (solver.life_signs) with what this shard has seen, and keeps '
  'the highest beat: returns that, and the open turns that are known otherwise here. Called by the worker''s turn loop '
  'at each look.';
