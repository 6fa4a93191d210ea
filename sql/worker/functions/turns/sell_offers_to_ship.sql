create or replace function worker.sell_offers_to_ship(p_turn_id integer)
  returns table (turn_id integer, creditor_id bigint, debtor_id bigint, amount bigint, collector_id bigint)
  language sql
  stable
begin atomic
  select l.turn_id, l.creditor_id, l.debtor_id, -l.amount, l.collector_id
  from worker.account_lock as l
    cross join worker.configuration as c
  where l.turn_id = p_turn_id
    and l.amount < 0
    and l.transfer_id is not null
    and l.finalized_at is null
    and (l.key_hash & c.realm_mask) = c.realm;
end;

comment on function worker.sell_offers_to_ship is
  'What sellers of this shard have prepared in a turn. Called by the exchange in step 2/5.';
