create or replace function worker.scan_interest_rate_changes(p_first_block bigint, p_last_block bigint, p_limit integer)
  returns integer
  language plpgsql
as $$
declare
  v_settings worker.configuration := (select c from worker.configuration as c);
  v_lanes integer[] := worker.try_lock_lanes();
  v_first tid := worker.first_row_id(p_first_block);
  v_end tid := worker.first_row_id(p_last_block + 1);
  v_cutoff timestamptz;
  v_row_limit integer;
  v_creditor_ids bigint[];
  v_debtor_ids bigint[];
  v_count integer;
begin
  delete from worker.interest_rate_change
  where ctid = any(array(
    select i.ctid
    from worker.interest_rate_change as i
    where i.ctid >= v_first
      and i.ctid < v_end
      and (i.key_hash & (v_settings.lane_count - 1)) = any(v_lanes)
      and worker.is_parent_row(i.key_hash, v_settings)
    limit p_limit
    for update of i skip locked
  ));
  get diagnostics v_count = row_count;

  select h.cutoff, h.row_limit into v_cutoff, v_row_limit from worker.interest_rate_horizon() as h;
  with outdated as materialized (
    -- Storing a change compacts. What time alone makes useless since then has a newer row before the cutoff.
    select i.creditor_id, i.debtor_id
    from worker.interest_rate_change as i
    where i.ctid >= v_first
      and i.ctid < v_end
      and (i.key_hash & (v_settings.lane_count - 1)) = any(v_lanes)
      and (i.key_hash & v_settings.realm_mask) = v_settings.realm
      and (
        select min(newer.change_ts)
        from worker.interest_rate_change as newer
        where newer.creditor_id = i.creditor_id
          and newer.debtor_id = i.debtor_id
          and newer.change_ts > i.change_ts
      ) < v_cutoff
    limit p_limit
    for update of i skip locked
  )
  select array_agg(a.creditor_id), array_agg(a.debtor_id)
  into v_creditor_ids, v_debtor_ids
  from (select distinct o.creditor_id, o.debtor_id from outdated as o) as a;
  if v_creditor_ids is not null then
    v_count := v_count + worker.compact_interest_rates(v_creditor_ids, v_debtor_ids, v_cutoff, v_row_limit);
  end if;
  return v_count;
end
$$;

comment on function worker.scan_interest_rate_changes is
  'Compacts the interest rate history of accounts that got no new rate for long, and deletes rows of the parent '
  'shard. Returns how many rows were deleted. Called by pipelines.turns.scan.';
