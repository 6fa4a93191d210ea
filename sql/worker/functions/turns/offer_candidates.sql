create or replace function worker.offer_candidates(p_turn_id integer, p_lane integer)
  returns boolean
  language plpgsql
  -- Hash joins only. With stale statistics a nested loop reads one big set for each row of another, and a merge join
  -- walks the index of all locks instead of their pages.
  set enable_nestloop = off
  set enable_mergejoin = off
  set jit = off
as $$
declare
  v_base_debtor_id bigint;
  v_minimum bigint;
  v_offers worker.candidate_offer[];
begin
  if not worker.try_lock_lane(p_lane) then
    return false;
  end if;
  -- Step 2/5 waits for this lane, and so does a change of phase.
  perform worker.lock_turn_shared(p_turn_id);
  if not worker.lane_is_open(p_turn_id, 2, p_lane) then
    return true;
  end if;
  perform worker.require_staging(p_turn_id, 2);
  select base_debtor_id, min_trade_amount into v_base_debtor_id, v_minimum
  from worker.worker_turn
  where turn_id = p_turn_id;

  with bid as materialized (
    select b.*, c.price as currency_price
    from worker.priced_bids(v_base_debtor_id, p_lane) as b
      left join worker.staged_price as c on (c.turn_id = p_turn_id and c.debtor_id = b.debtor_id)
    where abs(b.amount) >= v_minimum
  ),
  needed as (
    insert into worker.turn_needed_currency (turn_id, debtor_id)
    select distinct p_turn_id, b.debtor_id
    from bid as b
    where b.amount < 0
      and b.currency_price is null
      and not exists (
        select from worker.staged_alive_collector as a where a.turn_id = p_turn_id and a.debtor_id = b.debtor_id
      )
    order by 2
    on conflict do nothing
  ),
  candidate as (
    -- Who only sells or only buys takes no part.
    select
      b.*,
      bool_or(b.amount < 0) over trader as has_sale,
      bool_or(b.amount > 0) over trader as has_purchase
    from bid as b
    where worker.is_same_price(b.price, b.currency_price)
    window trader as (partition by b.creditor_id)
  )
  select array_agg(
    row(creditor_id, debtor_id, amount, creation_date, last_transfer_number)::worker.candidate_offer
    order by creditor_id, debtor_id
  )
  into v_offers
  from candidate
  where has_sale and has_purchase;

  if v_offers is not null then
    perform worker.create_account_locks(p_turn_id, v_offers);
  end if;
  insert into worker.worker_turn_lane (turn_id, phase, subphase, lane) values (p_turn_id, 2, 0, p_lane);
  return true;
end
$$;

comment on function worker.offer_candidates is
  'Step 2/0 of a turn in one lane: analyses the bids, locks the accounts of candidates, and notes which currencies '
  'need a collector. False: somebody else works on the lane, come back. Fails with ST020 when the solver rows are '
  'not loaded. Called by the worker''s turn loop.';
