create or replace function solver.create_collectors(
  p_debtor_id bigint,
  p_count bigint,
  p_min_collector_id bigint,
  p_max_collector_id bigint
)
  returns void
  language plpgsql
as $$
declare
  v_missing bigint := p_count;
  v_position integer := 0;
  v_created bigint;
begin
  while v_missing > 0 loop
    with candidate as (
      select
        solver.collector_candidate(p_debtor_id, k.position, p_min_collector_id, p_max_collector_id) as collector_id,
        k.position
      from generate_series(v_position, v_position + 99) as k(position)
    ),
    free as (
      select
        d.collector_id,
        min(d.position) as position
      from candidate as d
      where not exists (
        select from solver.collector_account as c
        where c.debtor_id = p_debtor_id and c.collector_id = d.collector_id
      )
      group by d.collector_id
      order by 2
      limit v_missing
    ),
    created as (
      -- A conflict: a shard of another kind works beside us and was faster.
      insert into solver.collector_account (debtor_id, collector_id, status, latest_status_change_at)
      select
        p_debtor_id,
        f.collector_id,
        0,
        solver.now()
      from free as f
      on conflict (debtor_id, collector_id) do nothing
      returning 1
    )
    select count(*) into v_created from created;
    v_missing := v_missing - v_created;
    v_position := v_position + 100;
  end loop;
end
$$;

comment on function solver.create_collectors is
  'Adds p_count pristine collector accounts with the first free IDs of the currency''s sequence. The caller has '
  'checked with count_missing_collectors that there are enough. Called by ensure_collectors and '
  'apply_worker_requests.';
