create or replace function worker.judge_account_updates(p_messages jsonb[])
  returns setof worker.account_update
  language sql
  stable
begin atomic
  select
    m.creditor_id,
    m.debtor_id,
    m.creation_date,
    m.last_change_ts,
    m.last_change_seqnum,
    m.principal,
    m.interest,
    worker.clamp_float4(m.interest_rate),
    m.last_interest_rate_change_ts,
    m.last_config_ts,
    m.config_flags,
    m.negligible_amount,
    m.account_id,
    nullif(m.debtor_info_iri, ''),
    m.last_transfer_number,
    m.last_transfer_committed_at,
    m.demurrage_rate,
    m.commit_period,
    m.transfer_note_max_bytes,
    least(m.ts, worker.now()),
    n.creditor_id is not null and n.released_at is null,
    n.released_at is not null,
    a.creditor_id is not null,
    o.is_later,
    not o.is_later
    and m.creation_date = a.creation_date
    and m.last_change_ts = a.last_change_ts
    and m.last_change_seqnum = a.last_change_seqnum,
    worker.is_discarding_configuration(m.config_flags, m.negligible_amount),
    m.demurrage_rate >= c.min_demurrage_rate
    and m.commit_period >= extract(epoch from c.turn_max_commit_period)
    and m.transfer_note_max_bytes >= c.min_transfer_note_max_bytes,
    o.is_later
    and m.account_id <> ''
    -- Not before it is sure that the account stays.
    and not (n.creditor_id is not null and worker.is_foreign_configuration(m.config_flags, m.negligible_amount))
    and (
      a.creditor_id is null
      or a.account_id = ''
      or a.has_foreign_configuration
      or (m.creation_date > a.creation_date and m.account_id <> a.account_id)
    ),
    o.is_later and (a.creditor_id is null or nullif(m.debtor_info_iri, '') is distinct from a.debtor_info_iri)
  from unnest(p_messages) as u(message)
  cross join lateral jsonb_to_record(u.message) as m(
    creditor_id bigint,
    debtor_id bigint,
    creation_date date,
    last_change_ts timestamptz,
    last_change_seqnum integer,
    principal bigint,
    interest float8,
    interest_rate float8,
    last_interest_rate_change_ts timestamptz,
    last_config_ts timestamptz,
    negligible_amount float8,
    config_flags integer,
    account_id text,
    debtor_info_iri text,
    last_transfer_number bigint,
    last_transfer_committed_at timestamptz,
    demurrage_rate float8,
    commit_period integer,
    transfer_note_max_bytes integer,
    ts timestamptz,
    ttl integer
  )
  cross join worker.configuration as c
  left join worker.needed_worker_account as n using (creditor_id, debtor_id)
  left join worker.worker_account as a using (creditor_id, debtor_id)
  cross join lateral (
    select
      a.creditor_id is null
      or (m.creation_date, m.last_change_ts) > (a.creation_date, a.last_change_ts)
      or (
        (m.creation_date, m.last_change_ts) = (a.creation_date, a.last_change_ts)
        and worker.is_later_seqnum(m.last_change_seqnum, a.last_change_seqnum)
      ) as is_later
  ) as o
  where worker.now() - m.ts <= make_interval(secs => m.ttl);
end;

comment on function worker.judge_account_updates is
  'What AccountUpdate messages mean to this shard; expired ones are left out. Called by apply_account_update.';
