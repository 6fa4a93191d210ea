create or replace function solver.count_turn_rows(
  p_turn_id integer,
  out documents bigint,
  out currencies bigint,
  out sell_offers bigint,
  out buy_offers bigint,
  out payments_to_fetch bigint
)
  language sql
  security definer
  stable
begin atomic
  select
    (select count(*) from solver.debtor_info as d where d.turn_id = p_turn_id),
    (select count(*) from solver.currency_info as c where c.turn_id = p_turn_id and c.is_confirmed),
    (select count(*) from solver.sell_offer as s where s.turn_id = p_turn_id),
    (select count(*) from solver.buy_offer as b where b.turn_id = p_turn_id),
    (select count(*) from solver.creditor_taking as t where t.turn_id = p_turn_id)
    + (select count(*) from solver.creditor_giving as g where g.turn_id = p_turn_id)
    + (select count(*) from solver.collector_collecting as c where c.turn_id = p_turn_id)
    + (select count(*) from solver.collector_sending as s where s.turn_id = p_turn_id)
    + (select count(*) from solver.collector_receiving as r where r.turn_id = p_turn_id)
    + (select count(*) from solver.collector_dispatching as d where d.turn_id = p_turn_id);
end;

comment on function solver.count_turn_rows is
  'What there is of a turn just now: documents that workers reported (phase 1), confirmed currencies and offers '
  '(phase 2), rows of the result that workers did not fetch yet (phase 3). All zero for other turns. Called by the '
  'admin API.';
