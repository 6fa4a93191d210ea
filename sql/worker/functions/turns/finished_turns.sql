create or replace function worker.finished_turns(p_turns jsonb)
  returns setof integer
  language sql
  stable
as $$
  select w.turn_id
  from worker.worker_turn as w
    inner join jsonb_populate_recordset(null::worker.worker_turn, p_turns)
      as t using (turn_id, started_at, collection_started_at)
  where w.phase = 3 and t.phase = 3 and w.worker_turn_subphase = 10 and not w.is_lost
  order by w.turn_id
$$;

comment on function worker.finished_turns is
  'Those of the solver''s turns in phase 3 (solver.turn rows) whose results this shard has taken over and deleted '
  'there. If they came back, because the solver''s database was restored, nobody else deletes them. Called by the '
  'worker''s turn loop.';
