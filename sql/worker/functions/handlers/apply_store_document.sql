create or replace function worker.apply_store_document(p_messages jsonb[])
  returns void
  language sql
begin atomic
  insert into worker.debtor_info_document as d (
    debtor_info_locator,
    debtor_id,
    peg_debtor_info_locator,
    peg_debtor_id,
    peg_exchange_rate,
    will_not_change_until,
    fetched_at,
    name,
    abbreviation
  )
  select
    m.debtor_info_locator,
    m.debtor_id,
    m.peg_debtor_info_locator,
    m.peg_debtor_id,
    m.peg_exchange_rate,
    m.will_not_change_until,
    least(m.ts, worker.now()),
    m.name,
    m.abbreviation
  from unnest(p_messages) as u(message)
  cross join lateral jsonb_to_record(u.message) as m(
    debtor_info_locator text,
    debtor_id bigint,
    peg_debtor_info_locator text,
    peg_debtor_id bigint,
    peg_exchange_rate float8,
    will_not_change_until timestamptz,
    name text,
    abbreviation text,
    ts timestamptz
  )
  order by m.debtor_info_locator collate "C"
  on conflict (debtor_info_locator) do update set
    debtor_id = excluded.debtor_id,
    peg_debtor_info_locator = excluded.peg_debtor_info_locator,
    peg_debtor_id = excluded.peg_debtor_id,
    peg_exchange_rate = excluded.peg_exchange_rate,
    will_not_change_until = excluded.will_not_change_until,
    fetched_at = excluded.fetched_at,
    name = excluded.name,
    abbreviation = excluded.abbreviation
  where d.fetched_at < excluded.fetched_at or d.fetched_at > worker.latest_credible_moment();
end;

comment on function worker.apply_store_document is
  'Keeps parsed debtor info documents, the newest of each locator; none is newer than its arrival. Called by '
  'apply_messages.';
