create or replace function worker.merge_early_arrivals(p_turn_id integer, p_lane integer)
  returns integer
  language plpgsql
as $$
declare
  v_payments worker.expected_payment[];
begin
  with taken as (
    delete from worker.early_arrival as e
    using worker.configuration as c
    where e.turn_id = p_turn_id
      and (e.key_hash & (c.lane_count - 1)) = p_lane
      and (e.key_hash & c.realm_mask) = c.realm
    returning e.*
  )
  select array_agg(
    row(t.kind, t.collector_id, t.turn_id, t.debtor_id, t.other_id, t.amount)::worker.expected_payment
  )
  into v_payments
  from taken as t;
  if v_payments is null then
    return 0;
  end if;
  perform worker.match_expected_payments(v_payments);
  return cardinality(v_payments);
end
$$;

comment on function worker.merge_early_arrivals is
  'Applies the early arrivals of a turn in one lane as if they came only now, deletes them (matched or not) and '
  'returns how many they were. Called by step 3/0 after it inserted its rows, and by worker.advance_dispatching.';
