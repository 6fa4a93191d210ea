create or replace function solver.archived_part(
  p_turn_id integer,
  p_started_at timestamptz,
  p_name text,
  p_part integer
)
  returns bytea
  language plpgsql
  security definer
  stable
as $$
declare
  v_body bytea;
begin
  if solver.keeps_archive() then
    select a.body into v_body
    from solver.turn_archive as a
    where a.turn_id = p_turn_id and a.started_at = p_started_at and a.name = p_name and a.part = p_part;
  end if;
  return v_body;
end
$$;

comment on function solver.archived_part is
  'A part of a file in the archive of a turn, from 0; null: there is none. Called by operators and the admin API.';
