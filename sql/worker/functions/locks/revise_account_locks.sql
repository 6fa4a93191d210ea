-- Participations without a lock are included: their collectors must hear that nobody will pay.
create or replace function worker.revise_account_locks(p_turn_id integer, p_lane integer)
  returns integer
  language plpgsql
  set plan_cache_mode = force_custom_plan
as $$
declare
  v_lane_mask integer;
  v_realm_mask integer;
  v_realm integer;
  v_creditor_ids bigint[];
  v_debtor_ids bigint[];
begin
  select c.lane_count - 1, c.realm_mask, c.realm
  into v_lane_mask, v_realm_mask, v_realm
  from worker.configuration as c;

  select array_agg(k.creditor_id), array_agg(k.debtor_id)
  into v_creditor_ids, v_debtor_ids
  from (
    select l.creditor_id, l.debtor_id
    from worker.account_lock as l
    where l.turn_id = p_turn_id
      and l.finalized_at is null
      and not l.has_been_revised
      and (l.key_hash & v_lane_mask) = p_lane
      and (l.key_hash & v_realm_mask) = v_realm
    union
    select p.creditor_id, p.debtor_id
    from worker.creditor_participation as p
    where p.turn_id = p_turn_id
      and (p.key_hash & v_lane_mask) = p_lane
      and (p.key_hash & v_realm_mask) = v_realm
    order by 1, 2
  ) as k;
  if v_creditor_ids is null then
    return 0;
  end if;
  return worker._revise_locks(p_turn_id, v_creditor_ids, v_debtor_ids);
end
$$;

comment on function worker.revise_account_locks is
  'Gives the verdict on all accounts of one lane that are engaged in a turn. Returns the number of locks changed or '
  'deleted. Called by the lane step of 3/0 after the participations are there, under the lane''s lock.';
