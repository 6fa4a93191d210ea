create or replace function worker.claims_to_register(p_turn_id integer)
  returns table (turn_id integer, debtor_id bigint, debtor_info_locator text)
  language sql
  stable
begin atomic
  select p_turn_id, l.debtor_id, l.debtor_info_locator
  from worker.debtor_locator_claim as l
    cross join worker.configuration as c
  where (l.key_hash & c.realm_mask) = c.realm
    and l.debtor_info_locator is not null;
end;

comment on function worker.claims_to_register is
  'The known locators of debtors of this shard, for phase 1 of a turn. Called by the exchange.';
