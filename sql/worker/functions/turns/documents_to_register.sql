create or replace function worker.documents_to_register(p_turn_id integer)
  returns table (
    turn_id integer,
    debtor_info_locator text,
    debtor_id bigint,
    peg_debtor_info_locator text,
    peg_debtor_id bigint,
    peg_exchange_rate float8,
    name text,
    abbreviation text
  )
  language sql
  stable
begin atomic
  select
    p_turn_id,
    d.debtor_info_locator,
    d.debtor_id,
    d.peg_debtor_info_locator,
    d.peg_debtor_id,
    d.peg_exchange_rate,
    d.name,
    d.abbreviation
  from worker.debtor_info_document as d
    cross join worker.configuration as c
  where (d.key_hash & c.realm_mask) = c.realm;
end;

comment on function worker.documents_to_register is
  'The debtor info documents of this shard, for phase 1 of a turn. Called by the exchange.';
