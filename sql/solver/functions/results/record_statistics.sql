create or replace function solver.record_statistics(p_turn_id integer)
  returns void
  language sql
begin atomic
  insert into solver.transfer_statistic (
    turn_id, debtor_id, takings, taken_amount, givings, given_amount, collector_transfers, sent_amount, collectors
  )
  select
    p_turn_id,
    c.debtor_id,
    sum(c.takings),
    solver.clamp64(sum(c.taken_amount)),
    sum(c.givings),
    solver.clamp64(sum(c.given_amount)),
    sum(c.collector_transfers),
    solver.clamp64(sum(c.sent_amount)),
    count(*)
  from (
    -- Collector by collector first: counting different ones among millions of rows would mean sorting them.
    select
      m.debtor_id,
      m.collector_id,
      count(*) filter (where m.kind = 'taking') as takings,
      coalesce(sum(m.amount) filter (where m.kind = 'taking'), 0) as taken_amount,
      count(*) filter (where m.kind = 'giving') as givings,
      coalesce(sum(m.amount) filter (where m.kind = 'giving'), 0) as given_amount,
      count(*) filter (where m.kind = 'sending') as collector_transfers,
      coalesce(sum(m.amount) filter (where m.kind = 'sending'), 0) as sent_amount
    from (
      select 'taking' as kind, t.debtor_id, t.collector_id, t.amount
      from solver.collector_collecting as t
      where t.turn_id = p_turn_id
      union all
      select 'giving', g.debtor_id, g.collector_id, g.amount
      from solver.collector_dispatching as g
      where g.turn_id = p_turn_id
      union all
      select 'sending', s.debtor_id, s.from_collector_id, s.amount
      from solver.collector_sending as s
      where s.turn_id = p_turn_id
      union all
      select 'receiving', s.debtor_id, s.to_collector_id, s.amount
      from solver.collector_sending as s
      where s.turn_id = p_turn_id
    ) as m
    group by m.debtor_id, m.collector_id
  ) as c
  group by c.debtor_id;
end;

comment on function solver.record_statistics is
  'Counts the transfers that the solver has arranged in a turn, by currency. Called by the solver''s pipeline in the '
  'transaction that writes them.';
