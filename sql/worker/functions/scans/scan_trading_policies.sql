create or replace function worker.scan_trading_policies(p_first_block bigint, p_last_block bigint, p_limit integer)
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
    'trading_policy',
    array['latest_ledger_update_ts', 'latest_policy_update_ts', 'latest_flags_update_ts'],
    v_first, v_end, v_lanes, p_limit
  );
  delete from worker.trading_policy
  where ctid = any(array(
    select p.ctid
    from worker.trading_policy as p
    where p.ctid >= v_first
      and p.ctid < v_end
      and (p.key_hash & (v_settings.lane_count - 1)) = any(v_lanes)
      and case
        when (p.key_hash & v_settings.realm_mask) = v_settings.realm then
          (p.account_id = '' or p.account_id_is_obsolete)
          and p.creation_date = '1970-01-01'
          and p.principal = 0
          and p.last_transfer_number = 0
          and p.policy_name is null
          and p.min_principal = -9223372036854775808
          and p.max_principal = 9223372036854775807
          and p.peg_debtor_id is null
          and p.config_flags = 0
          -- Late payments may need an obsolete account ID until then.
          and greatest(p.latest_ledger_update_ts, p.latest_policy_update_ts, p.latest_flags_update_ts)
            < worker.now()
              - v_settings.turn_max_commit_period
              - v_settings.dispatching_slack
              - v_settings.extreme_message_delay
        else worker.is_parent_row(p.key_hash, v_settings)
      end
    limit p_limit
    for update of p skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function worker.scan_trading_policies is
  'Deletes trading policies that say nothing, and rows of the parent shard. Returns how many. '
  'Called by pipelines.turns.scan.';
