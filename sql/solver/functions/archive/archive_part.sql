create or replace function solver.archive_part(
  p_turn_id integer,
  p_started_at timestamptz,
  p_name text,
  p_part integer,
  p_body bytea,
  p_first_id bigint
)
  returns void
  language plpgsql
as $$
begin
  insert into solver.turn_archive (turn_id, started_at, name, part, body, first_id)
  values (p_turn_id, p_started_at, p_name, p_part, p_body, p_first_id);
end
$$;

comment on function solver.archive_part is
  'Adds a part of a file, at most 8 MiB, to the archive of a turn; p_first_id: the first ID in it, null if its rows '
  'are not sorted by ID. Called by the solver''s pipeline.';
