create or replace function worker.scan_creditor_participations(
  p_first_block bigint,
  p_last_block bigint,
  p_limit integer
)
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
  delete from worker.creditor_participation
  where ctid = any(array(
    select p.ctid
    from worker.creditor_participation as p
    where p.ctid >= v_first
      and p.ctid < v_end
      and (p.key_hash & (v_settings.lane_count - 1)) = any(v_lanes)
      and case
        when (p.key_hash & v_settings.realm_mask) = v_settings.realm then
          (
            select l.turn_id
            from worker.account_lock as l
            where l.creditor_id = p.creditor_id and l.debtor_id = p.debtor_id
          ) is distinct from p.turn_id
          and coalesce(
            (
              select coalesce(t.collection_started_at, 'infinity')
              from worker.worker_turn as t
              where t.turn_id = p.turn_id
            ),
            '-infinity'
          ) < worker.now() - interval '30 days'
        else worker.is_parent_row(p.key_hash, v_settings)
      end
    limit p_limit
    for update of p skip locked
  ));
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function worker.scan_creditor_participations is
  'Deletes verdicts that came too late to find a lock, and rows of the parent shard. Returns how many. '
  'Called by pipelines.turns.scan.';
