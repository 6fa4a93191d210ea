create or replace function worker.apply_candidate_offer(p_messages jsonb[])
  returns void
  language plpgsql
  set plan_cache_mode = force_custom_plan
as $$
declare
  v_turn_id integer;
  v_offers worker.candidate_offer[];
begin
  for v_turn_id, v_offers in
    select x.turn_id, array_agg(
      (x.creditor_id, x.debtor_id, x.amount, x.account_creation_date, x.last_transfer_number)::worker.candidate_offer
    )
    from unnest(p_messages) as m (message)
    cross join lateral jsonb_to_record(m.message) as x (
      turn_id integer, creditor_id bigint, debtor_id bigint, amount bigint,
      account_creation_date date, last_transfer_number bigint
    )
    group by x.turn_id
    order by x.turn_id
  loop
    -- The turn is read in a statement after the lock, so that a change which committed meanwhile is seen.
    if worker.try_lock_turn_shared(v_turn_id) then
      if exists (
        select from worker.worker_turn as t
        where t.turn_id = v_turn_id and t.phase = 2 and t.worker_turn_subphase = 5
      ) then
        perform worker.create_account_locks(v_turn_id, v_offers);
      end if;
    end if;
  end loop;
end
$$;

comment on function worker.apply_candidate_offer is
  'Handler of CandidateOffer. Offers of a turn that is not (any more) gathering offers, or that is just changing, '
  'are dropped: nobody would ever revise their locks. Called by the drain.';
