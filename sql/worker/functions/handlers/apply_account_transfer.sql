create or replace function worker.apply_account_transfer(p_messages jsonb[])
  returns void
  language plpgsql
  -- One index probe a message, however many messages and rows there are, or were when the plan was made.
  set enable_hashjoin = off
  set enable_mergejoin = off
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_invalid bigint;
  v_releases worker.releasing_transfer[];
  v_payments worker.expected_payment[];
  v_paid worker.dispatching_key[];
  v_unexpected worker.expected_payment[];
begin
  perform worker.note_transfer_numbers(p_messages);
  with incoming as materialized (
    select
      x.creditor_id,
      x.debtor_id,
      x.acquired_amount,
      x.creation_date,
      x.transfer_number,
      n.kind,
      n.turn_id,
      -- Who is on the other side; null if the account that reports is on none.
      case
        when x.creditor_id = payer.id and x.acquired_amount < 0 then payee.id
        when x.creditor_id = payee.id and x.acquired_amount > 0 then payer.id
      end as other_id
    from unnest(p_messages) as m (message)
    cross join lateral jsonb_to_record(m.message) as x (
      creditor_id bigint, debtor_id bigint, creation_date date, transfer_number bigint, coordinator_type text,
      acquired_amount bigint, transfer_note_format text, transfer_note text
    )
    left join lateral worker.parse_transfer_note(x.transfer_note) as n on x.transfer_note_format = '-cXchge'
    cross join lateral (select case n.kind when 'collecting' then n.second_id else n.first_id end as id) as payer
    cross join lateral (select case n.kind when 'collecting' then n.first_id else n.second_id end as id) as payee
    where x.coordinator_type = 'agent'
  ),
  sent as (
    delete from worker.worker_sending as w
    using incoming as i
    where i.kind = 'sending'
      and i.acquired_amount < 0
      and w.from_collector_id = i.creditor_id
      and w.turn_id = i.turn_id
      and w.debtor_id = i.debtor_id
      and w.to_collector_id = i.other_id
    returning i.*
  ),
  dispatched as (
    delete from worker.worker_dispatching as w
    using incoming as i
    where i.kind = 'dispatching'
      and i.acquired_amount < 0
      and w.collector_id = i.creditor_id
      and w.turn_id = i.turn_id
      and w.debtor_id = i.debtor_id
      and w.creditor_id = i.other_id
    returning i.*
  ),
  paid as (
    table sent
    union all
    table dispatched
  ),
  -- Nobody was to make these; unless they are told once more, the turn's result was forgotten.
  unexpected as (
    select i.*
    from incoming as i
    where i.other_id is not null and i.acquired_amount < 0 and i.kind in ('sending', 'dispatching')
    except
    table paid
  ),
  -- It was in doubt whether these had been paid.
  settled as (
    delete from worker.transfer_attempt as a
    using incoming as i
    where a.held_at is not null
      and i.kind in ('sending', 'dispatching')
      and i.acquired_amount < 0
      and a.collector_id = i.creditor_id
      and a.turn_id = i.turn_id
      and a.debtor_id = i.debtor_id
      and a.creditor_id = i.other_id
      and a.is_dispatching = (i.kind = 'dispatching')
  )
  select
    count(*) filter (where i.other_id is null),
    array_agg(
      row(
        i.creditor_id, i.debtor_id, i.turn_id, i.acquired_amount, i.creation_date, i.transfer_number
      )::worker.releasing_transfer
    ) filter (
      where i.other_id is not null
      -- A surplus that moves from collector to collector, or to the owner, is nobody's business here.
      and i.kind = case when i.acquired_amount < 0 then 'collecting' else 'dispatching' end
    ),
    array_agg(
      row(i.kind, i.creditor_id, i.turn_id, i.debtor_id, i.other_id, i.acquired_amount)::worker.expected_payment
    ) filter (where i.other_id is not null and i.acquired_amount > 0 and i.kind in ('collecting', 'sending')),
    (
      select array_agg(distinct row(p.creditor_id, p.turn_id, p.debtor_id)::worker.dispatching_key)
      from paid as p
    ),
    (
      select array_agg(
        row(
          'paid', u.creditor_id, u.turn_id, u.debtor_id, u.other_id, worker.clamp64(-u.acquired_amount::numeric)
        )::worker.expected_payment
        order by u.creditor_id, u.turn_id, u.debtor_id, u.other_id, u.acquired_amount
      )
      from unexpected as u
    )
  into v_invalid, v_releases, v_payments, v_paid, v_unexpected
  from incoming as i;

  if v_invalid > 0 then
    raise warning 'transfers without a valid note were ignored'
      using detail = format('%s of %s AccountTransfer messages', v_invalid, cardinality(p_messages));
  end if;
  if v_releases is not null then
    perform worker.release_account_locks(v_releases);
  end if;
  if v_payments is not null then
    perform worker.receive_payments(v_payments);
  end if;
  if v_unexpected is not null then
    perform worker.keep_early_arrivals(v_unexpected);
  end if;
  if v_payments is not null or v_paid is not null then
    perform worker.advance_statuses(array_agg(k.status))
    from (
      select row(p.collector_id, p.turn_id, p.debtor_id)::worker.dispatching_key as status
      from unnest(v_payments) as p
      union
      select row(p.collector_id, p.turn_id, p.debtor_id)::worker.dispatching_key
      from unnest(v_paid) as p
    ) as k;
  end if;
end
$$;

comment on function worker.apply_account_transfer is
  'Handles AccountTransfer: a payment of a turn left or reached an account. Releases locks of customers, and notes '
  'what collectors got and paid; what was the last obstacle for a collector''s next step lets it take this step '
  'at once. Transfers of other coordinators are ignored, and so are, with a warning, those without a valid '
  'note. Called by the drain.';
