create or replace function worker.keep_early_arrivals(p_payments worker.expected_payment[])
  returns integer
  language plpgsql
as $$
declare
  v_unknown worker.expected_payment[];
  v_kept integer;
  v_latest_turn_id integer := (select max(t.turn_id) from worker.worker_turn as t);
  v_far bigint;
begin
  select array_agg(p.payment order by p.n) into v_unknown
  from (
    select
      row(p.kind, p.collector_id, p.turn_id, p.debtor_id, p.other_id, p.amount)::worker.expected_payment as payment,
      p.n
    from unnest(p_payments) with ordinality as p (kind, collector_id, turn_id, debtor_id, other_id, amount, n)
    where p.turn_id <> 0
      and case p.kind
        when 'collecting' then not exists (
          select
          from worker.worker_collecting as c
          where c.collector_id = p.collector_id
            and c.turn_id = p.turn_id
            and c.debtor_id = p.debtor_id
            and c.creditor_id = p.other_id
        )
        when 'paid' then true
        else not exists (
          select
          from worker.worker_receiving as r
          where r.to_collector_id = p.collector_id
            and r.turn_id = p.turn_id
            and r.debtor_id = p.debtor_id
            and r.from_collector_id = p.other_id
        )
      end
  ) as p;
  -- Nobody is so many turns ahead of us: it would wait for a turn that has nothing to do with it.
  select
    array_agg(
      row(u.kind, u.collector_id, u.turn_id, u.debtor_id, u.other_id, u.amount)::worker.expected_payment order by u.n
    ) filter (where not f.is_far),
    count(*) filter (where f.is_far)
  into v_unknown, v_far
  from unnest(v_unknown) with ordinality as u (kind, collector_id, turn_id, debtor_id, other_id, amount, n)
  cross join lateral (select coalesce(u.turn_id > v_latest_turn_id::bigint + 1000, false) as is_far) as f;
  if v_far > 0 then
    raise warning 'payments for turns far in the future were ignored'
      using detail = format('%s payments, the latest turn is %s', v_far, v_latest_turn_id);
  end if;
  if v_unknown is null then
    return 0;
  end if;

  -- The lane's lock keeps its step 3/0 away: what is stored here is merged by it, or must not be stored any more. The
  -- turn's lock keeps the turn from changing its phase meanwhile.
  perform worker.lock_turn_shared(t.turn_id)
  from (select distinct u.turn_id from unnest(v_unknown) as u order by 1) as t;

  insert into worker.early_arrival as e (kind, collector_id, turn_id, debtor_id, other_id, amount, inserted_at)
  select distinct on (u.kind collate "C", u.collector_id, u.turn_id, u.debtor_id, u.other_id)
    u.kind, u.collector_id, u.turn_id, u.debtor_id, u.other_id, u.amount, worker.now()
  from unnest(v_unknown) with ordinality as u (kind, collector_id, turn_id, debtor_id, other_id, amount, n)
  cross join worker.configuration as c
  where not exists (
    select
    from worker.worker_turn_lane as l
    where l.turn_id = u.turn_id
      and l.phase = 3
      and l.subphase = 0
      and l.lane = (worker.hash32(u.collector_id) & (c.lane_count - 1))
  )
  and not exists (
    select
    from worker.worker_turn as t
    where t.turn_id = u.turn_id and t.phase = 3 and t.worker_turn_subphase >= 5 and not t.is_lost
  )
  -- Nobody will ever wait for these.
  and not (u.amount is null and worker.is_lost_turn(u.turn_id))
  order by u.kind collate "C", u.collector_id, u.turn_id, u.debtor_id, u.other_id, u.amount is null, u.n
  on conflict (kind, collector_id, turn_id, debtor_id, other_id) do update
  set amount = excluded.amount, inserted_at = excluded.inserted_at
  where e.amount is null and excluded.amount is not null;
  get diagnostics v_kept = row_count;
  return v_kept;
end
$$;

comment on function worker.keep_early_arrivals is
  'Keeps those payments and notices that no row waits for because this shard does not know the result of the turn yet, '
  'and payments if it never will; also payments that collectors made for such turns. Returns how many. Those for turns '
  'more than a thousand ahead of the latest known one are not kept. A payment replaces a notice; otherwise the first '
  'one stays. Called by worker.receive_payments and worker.apply_account_transfer.';
