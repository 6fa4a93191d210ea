create or replace function solver.archived_files(p_turn_id integer, p_started_at timestamptz)
  returns table (name text, parts bigint, bytes bigint, is_sorted boolean)
  language plpgsql
  security definer
  stable
as $$
begin
  if solver.keeps_archive() then
    return query
    select a.name, count(*), sum(length(a.body)), bool_and(a.first_id is not null)
    from solver.turn_archive as a
    where a.turn_id = p_turn_id and a.started_at = p_started_at
    group by a.name
    order by a.name collate "C";
  end if;
end
$$;

comment on function solver.archived_files is
  'The files in the archive of a turn, of how many parts and bytes each is, and whether each part is a file of its '
  'own, whose rows are sorted by ID. Called by operators and the admin API, with what solver.archived_turn returns.';
