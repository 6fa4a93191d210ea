create or replace function solver.keep_beside_archive(
  p_turn_id integer,
  p_started_at timestamptz,
  p_name text,
  p_body bytea
)
  returns boolean
  language plpgsql
  security definer
as $$
begin
  if p_name not in ('circles.parquet', 'what_would_help.parquet') or not solver.keeps_archive() then
    return false;
  end if;
  -- Locked, so that it is not deleted meanwhile and this file left alone.
  perform
  from solver.turn_archive as a
  where a.turn_id = p_turn_id and a.started_at = p_started_at and a.name = 'meta.json' and a.part = 0
  for share;
  if not found then
    return false;
  end if;
  insert into solver.turn_archive (turn_id, started_at, name, part, body)
  values (p_turn_id, p_started_at, p_name, 0, p_body)
  on conflict do nothing;
  return found;
end
$$;

comment on function solver.keep_beside_archive is
  'Keeps what was found out about an archived turn on request, at most 8 MiB, so that nobody has to find it out again; '
  'the first answer stays. Returns whether it was kept: not without an archive, nor under another name than '
  'circles.parquet or what_would_help.parquet. Called by operators and the admin API.';
