create or replace function solver.has_results(p_turn_id integer, p_collection_started_at timestamptz)
  returns boolean
  language sql
  stable
as $$
  select not solver.is_stepped_back() and exists (
    select
    from solver.turn as t
    where t.turn_id = p_turn_id
      and t.phase >= 3
      and t.collection_started_at = p_collection_started_at
      and t.closed_by_force_at is null
  )
$$;

comment on function solver.has_results is
  'Whether the result of a turn may be taken over, and is the one which a worker knows of. Read it in the snapshot in '
  'which the rows are read. Called by the exchange in step 3/0.';
