create or replace function solver.overdue_turns(p_patience interval)
  returns table (turn_id integer, phase smallint, due_at timestamptz, remaining_rows bigint, binding_keys text[])
  language sql
  security definer
  stable
begin atomic
  with overdue as materialized (
    select
      t.turn_id,
      t.phase,
      solver.phase_due_at(t) as due_at
    from solver.turn as t
    where t.phase < 4 and solver.phase_due_at(t) < solver.now() - p_patience
  ),
  result (turn_id, hash) as (
    select r.turn_id, r.creditor_hash from solver.creditor_taking as r
    union all
    select r.turn_id, r.creditor_hash from solver.creditor_giving as r
    union all
    select r.turn_id, r.collector_hash from solver.collector_collecting as r
    union all
    select r.turn_id, r.from_collector_hash from solver.collector_sending as r
    union all
    select r.turn_id, r.to_collector_hash from solver.collector_receiving as r
    union all
    select r.turn_id, r.collector_hash from solver.collector_dispatching as r
  ),
  -- By the first four bits: 16 parts of the key space, of which a shard owns some, or shares one with others.
  part as materialized (
    select r.turn_id, (r.hash >> 12) & 15 as prefix, count(*) as rows
    from result as r
    join overdue as o on o.turn_id = r.turn_id
    group by 1, 2
  ),
  -- A part of fewer bits counts as a whole if no part in it is without rows.
  whole as materialized (
    select p.turn_id, b.bits, p.prefix >> (4 - b.bits) as prefix
    from part as p
    cross join generate_series(0, 4) as b (bits)
    group by 1, 2, 3
    having count(*) = 1 << (4 - b.bits)
  )
  select
    o.turn_id,
    o.phase,
    o.due_at,
    coalesce((select sum(p.rows)::bigint from part as p where p.turn_id = o.turn_id), 0),
    array(
      select regexp_replace(right((w.prefix::bit(4))::text, w.bits) collate "C", '(.)', '\1.', 'g') || '#'
      from whole as w
      where
        w.turn_id = o.turn_id
        and not exists (
          select
          from whole as wider
          where wider.turn_id = w.turn_id and wider.bits = w.bits - 1 and wider.prefix = w.prefix >> 1
        )
      order by rpad(right((w.prefix::bit(4))::text, w.bits), 4, '0') collate "C"
    )
  from overdue as o
  order by o.turn_id;
end;

comment on function solver.overdue_turns is
  'Turns whose phase should have ended more than p_patience ago: phases 1 and 2 at their deadline, phase 3 as soon as '
  'the workers have taken their results over. In phase 3, how many results are left, and the binding keys of the '
  'shards that did not take them (by four bits at most; a finer shard is within one of them). Called by the '
  'solver''s turn loop, and by operators.';
