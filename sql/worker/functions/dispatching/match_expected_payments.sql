create or replace function worker.match_expected_payments(p_payments worker.expected_payment[])
  returns worker.expected_payment[]
  language plpgsql
  -- One index probe a message, however many messages and rows there are, or were when the plan was made.
  set enable_hashjoin = off
  set enable_mergejoin = off
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_unmatched worker.expected_payment[];
  v_excessive bigint;
begin
  with payment as materialized (
    select p.*
    from unnest(p_payments) as p
    order by p.kind collate "C", p.collector_id, p.turn_id, p.debtor_id, p.other_id
  ),
  collected as (
    update worker.worker_collecting as c
    set collected = true, amount = p.amount
    from payment as p
    where p.kind = 'collecting'
      and c.collector_id = p.collector_id
      and c.turn_id = p.turn_id
      and c.debtor_id = p.debtor_id
      and c.creditor_id = p.other_id
      and not c.collected
      and c.amount >= p.amount
    returning p.*
  ),
  uncollected as (
    delete from worker.worker_collecting as c
    using payment as p
    where p.kind = 'collecting'
      and p.amount is null
      and c.collector_id = p.collector_id
      and c.turn_id = p.turn_id
      and c.debtor_id = p.debtor_id
      and c.creditor_id = p.other_id
      and not c.collected
    returning p.*
  ),
  received as (
    update worker.worker_receiving as r
    set received_amount = p.amount
    from payment as p
    where p.kind = 'sending'
      and p.amount is not null
      and r.to_collector_id = p.collector_id
      and r.turn_id = p.turn_id
      and r.debtor_id = p.debtor_id
      and r.from_collector_id = p.other_id
      and r.received_amount = 0
    returning p.*
  ),
  unreceived as (
    delete from worker.worker_receiving as r
    using payment as p
    where p.kind = 'sending'
      and p.amount is null
      and r.to_collector_id = p.collector_id
      and r.turn_id = p.turn_id
      and r.debtor_id = p.debtor_id
      and r.from_collector_id = p.other_id
      and r.received_amount = 0
    returning p.*
  )
  select array_agg(
    row(u.kind, u.collector_id, u.turn_id, u.debtor_id, u.other_id, u.amount)::worker.expected_payment
    order by u.kind collate "C", u.collector_id, u.turn_id, u.debtor_id, u.other_id, u.amount
  )
  into v_unmatched
  from (
    table payment
    except
    (table collected union all table uncollected union all table received union all table unreceived)
  ) as u;

  if v_unmatched is not null then
    select count(*) into v_excessive
    from unnest(v_unmatched) as p
    join worker.worker_collecting as c
      on c.collector_id = p.collector_id
      and c.turn_id = p.turn_id
      and c.debtor_id = p.debtor_id
      and c.creditor_id = p.other_id
    where p.kind = 'collecting' and not c.collected and c.amount < p.amount;
    if v_excessive > 0 then
      raise warning 'sellers paid more than they were to'
        using detail = format('%s of %s payments match nothing', v_excessive, cardinality(p_payments));
    end if;
  end if;
  return v_unmatched;
end
$$;

comment on function worker.match_expected_payments is
  'Applies payments, and notices that a payment will never come, to the rows that wait for them, and returns those '
  'that matched nothing, or null. A smaller payment by a seller counts (the rest is missing), a larger one matches '
  'nothing. Called by worker.receive_payments and worker.merge_early_arrivals.';
