create or replace function worker.scan_debtor_locator_claims(p_first_block bigint, p_last_block bigint, p_limit integer)
  returns integer
  language plpgsql
as $$
declare
  v_settings worker.configuration := (select c from worker.configuration as c);
  v_lanes integer[] := worker.try_lock_lanes();
  v_first tid := worker.first_row_id(p_first_block);
  v_end tid := worker.first_row_id(p_last_block + 1);
  v_count integer;
begin
  perform worker.bring_back_moments(
    'debtor_locator_claim',
    array['latest_locator_fetch_at', 'latest_discovery_fetch_at', 'forced_locator_refetch_at', 'latest_confirmation_ts'],
    v_first, v_end, v_lanes, p_limit
  );
  delete from worker.debtor_locator_claim
  where ctid = any(array(
    select d.ctid
    from worker.debtor_locator_claim as d
    where d.ctid >= v_first
      and d.ctid < v_end
      and (d.key_hash & (v_settings.lane_count - 1)) = any(v_lanes)
      and case
        when (d.key_hash & v_settings.realm_mask) = v_settings.realm then case
          when d.debtor_info_locator is not null
            then d.latest_locator_fetch_at < worker.now() - v_settings.locator_claim_expiry
          else d.latest_discovery_fetch_at < worker.now() - v_settings.debtor_info_expiry
        end
        else worker.is_parent_row(d.key_hash, v_settings)
      end
    limit p_limit
    for update of d skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function worker.scan_debtor_locator_claims is
  'Deletes locator claims that were not confirmed for long, or discoveries that led nowhere, and rows of the parent '
  'shard. Returns how many. Called by pipelines.turns.scan.';
