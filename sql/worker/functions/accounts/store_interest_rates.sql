create or replace function worker.store_interest_rates(p_messages jsonb[])
  returns void
  language plpgsql
as $$
declare
  v_creditor_ids bigint[];
  v_debtor_ids bigint[];
  v_hasty text;
begin
  with stored as (
    insert into worker.interest_rate_change (creditor_id, debtor_id, change_ts, interest_rate)
    select
      m.creditor_id,
      m.debtor_id,
      m.last_interest_rate_change_ts,
      worker.clamp_float4(m.interest_rate)
    from unnest(p_messages) as u(message)
    cross join lateral jsonb_to_record(u.message) as m(
      creditor_id bigint,
      debtor_id bigint,
      last_interest_rate_change_ts timestamptz,
      interest_rate float8
    )
    inner join worker.needed_worker_account as n using (creditor_id, debtor_id)
    order by m.creditor_id, m.debtor_id
    on conflict (creditor_id, debtor_id, change_ts) do nothing
    returning creditor_id, debtor_id, change_ts
  )
  select
    array_agg(s.creditor_id),
    array_agg(s.debtor_id),
    string_agg(format('%s/%s', s.creditor_id, s.debtor_id), ', ') filter (
      where exists (
        select from worker.interest_rate_change as c
        where
          c.creditor_id = s.creditor_id
          and c.debtor_id = s.debtor_id
          and c.change_ts > s.change_ts - interval '8 days'
          and c.change_ts < s.change_ts + interval '8 days'
      )
    )
  into v_creditor_ids, v_debtor_ids, v_hasty
  from stored as s;

  if v_hasty is not null then
    raise warning 'interest rates changed twice within 8 days (creditor/debtor): %', left(v_hasty, 1000);
  end if;
  if v_creditor_ids is not null then
    perform worker.compact_interest_rates(v_creditor_ids, v_debtor_ids, h.cutoff, h.row_limit)
    from worker.interest_rate_horizon() as h;
  end if;
end
$$;

comment on function worker.store_interest_rates is
  'Remembers the interest rates that AccountUpdate messages report for needed accounts, at most one message an '
  'account. Old and expired messages count too. Called by apply_account_update.';
