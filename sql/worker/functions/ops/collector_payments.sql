create or replace function worker.collector_payments(p_collector_id bigint, p_debtor_id bigint, p_limit integer)
  returns table (way text, state text, payments bigint, amount bigint, first_turn_id integer, since timestamptz)
  language sql
  security definer
  stable
begin atomic
  with incoming as (
    (
      select
        'from sellers' as way, case when c.collected then 'arrived' else 'expected' end as state, c.turn_id, c.amount,
        null::timestamptz as since
      from worker.worker_collecting as c
      where c.collector_id = p_collector_id and c.debtor_id = p_debtor_id
      order by c.turn_id, c.creditor_id
      limit p_limit
    )
    union all
    (
      select
        'from collectors', case when r.received_amount > 0 then 'arrived' else 'expected' end, r.turn_id,
        case when r.received_amount > 0 then r.received_amount else r.expected_amount end, null
      from worker.worker_receiving as r
      where r.to_collector_id = p_collector_id and r.debtor_id = p_debtor_id
      order by r.turn_id, r.from_collector_id
      limit p_limit
    )
    union all
    (
      select 'from ' || case e.kind when 'sending' then 'collectors' else 'sellers' end, 'early', e.turn_id, e.amount,
        e.inserted_at
      from worker.early_arrival as e
      where e.kind in ('collecting', 'sending')
        and e.collector_id = p_collector_id
        and e.debtor_id = p_debtor_id
        and e.refunded_at is null
        and e.amount is not null
      order by e.turn_id, e.other_id
      limit p_limit
    )
  ),
  attempted as (
    select
      case
        when t.turn_id = 0 then 'of its rest'
        when t.is_refund then 'back to payers'
        when t.is_dispatching then 'to buyers'
        else 'to collectors'
      end as way,
      case
        when t.fatal_error is not null then 'failed'
        when t.held_at is not null then 'in doubt'
        when t.failure_code is not null then 'to be repeated'
        when t.attempted_at is not null then 'under way'
        else 'ordered'
      end as state,
      t.turn_id,
      coalesce(t.amount, worker.clamp64(trunc(t.nominal_amount)::numeric)) as amount,
      coalesce(t.held_at, t.inserted_at) as since
    from worker.transfer_attempt as t
    where t.collector_id = p_collector_id and t.debtor_id = p_debtor_id
    order by t.turn_id, t.creditor_id, t.is_dispatching
    limit p_limit
  ),
  owed as (
    select o.way, 'owed' as state, o.turn_id, o.amount, null::timestamptz as since
    from (
      (
        select 'to collectors' as way, w.turn_id, w.to_collector_id as creditor_id, false as is_dispatching, w.amount
        from worker.worker_sending as w
        where w.from_collector_id = p_collector_id and w.debtor_id = p_debtor_id
        order by w.turn_id, w.to_collector_id
        limit p_limit
      )
      union all
      (
        select 'to buyers', d.turn_id, d.creditor_id, true, d.amount
        from worker.worker_dispatching as d
        where d.collector_id = p_collector_id and d.debtor_id = p_debtor_id
        order by d.turn_id, d.creditor_id
        limit p_limit
      )
    ) as o
    -- A look at the index for each, and no join: of tables without statistics that might compare all with all.
    left join lateral (
      select true as is_attempted
      from worker.transfer_attempt as t
      where t.collector_id = p_collector_id
        and t.turn_id = o.turn_id
        and t.debtor_id = p_debtor_id
        and t.creditor_id = o.creditor_id
        and t.is_dispatching = o.is_dispatching
      order by t.creditor_id
      limit 1
    ) as t on true
    where t.is_attempted is null
  ),
  own as (
    select 'of its own' as way, case when l.amount > 0 then 'to buy' else 'to sell' end as state, l.turn_id,
      abs(l.amount) as amount, l.initiated_at as since
    from worker.account_lock as l
    where l.creditor_id = p_collector_id and l.debtor_id = p_debtor_id and l.released_at is null
  ),
  by_turn as (
    select o.way, o.state, o.turn_id, count(*) as payments, sum(o.amount) as amount, min(o.since) as since
    from (
      select * from incoming
      union all
      select * from attempted
      union all
      select * from owed
      union all
      select * from own
    ) as o
    group by o.way, o.state, o.turn_id
  )
  select
    b.way, b.state, sum(b.payments)::bigint, worker.clamp64(sum(b.amount)), min(nullif(b.turn_id, 0)),
    min(coalesce(b.since, s.inserted_at))
  from by_turn as b
  left join worker.dispatching_status as s
    on s.collector_id = p_collector_id and s.turn_id = b.turn_id and s.debtor_id = p_debtor_id
  group by b.way, b.state
  order by b.way collate "C", b.state collate "C";
end;

comment on function worker.collector_payments is
  'Payments of a collector that are not over, by their way (from sellers or collectors, to collectors or buyers, back '
  'to payers of lost turns, of its rest when it is removed, of its own surplus) and state, counted up to p_limit for '
  'each table; tokens, the first turn, and since when the oldest is known. Expected and owed are what was arranged, '
  'early is what came before the result of its turn. Called by the dashboard.';
