create or replace function worker.scan_debtor_info_documents(p_first_block bigint, p_last_block bigint, p_limit integer)
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
  perform worker.bring_back_moments('debtor_info_document', array['fetched_at'], v_first, v_end, v_lanes, p_limit);
  delete from worker.debtor_info_document
  where ctid = any(array(
    select d.ctid
    from worker.debtor_info_document as d
    where d.ctid >= v_first
      and d.ctid < v_end
      and (d.key_hash & (v_settings.lane_count - 1)) = any(v_lanes)
      and case
        when (d.key_hash & v_settings.realm_mask) = v_settings.realm then
          d.fetched_at < worker.now() - case
            -- Nothing in it will change, and all currencies pegged to it need it.
            when d.will_not_change_until > worker.now() then interval '365 days'
            else v_settings.locator_claim_expiry
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

comment on function worker.scan_debtor_info_documents is
  'Deletes documents that nobody has fetched again for long, and rows of the parent shard. Returns how many. '
  'Called by pipelines.turns.scan.';
