create or replace function solver.archived_first_ids(p_turn_id integer, p_started_at timestamptz, p_name text)
  returns table (part smallint, first_id bigint)
  language plpgsql
  security definer
  stable
as $$
begin
  if solver.keeps_archive() then
    return query
    select a.part, a.first_id
    from solver.turn_archive as a
    where a.turn_id = p_turn_id and a.started_at = p_started_at and a.name = p_name and a.first_id is not null
    order by a.part;
  end if;
end
$$;

comment on function solver.archived_first_ids is
  'With which ID each part of a file begins whose rows are sorted by ID; nothing: there is no such file, or it has no '
  'rows. Called by the admin API.';
