create or replace function worker.store_account_updates(p_updates worker.account_update[])
  returns void
  language sql
begin atomic
  insert into worker.worker_account as a (
    creditor_id,
    debtor_id,
    creation_date,
    last_change_ts,
    last_change_seqnum,
    principal,
    interest,
    interest_rate,
    last_interest_rate_change_ts,
    last_config_ts,
    config_flags,
    negligible_amount,
    account_id,
    debtor_info_iri,
    last_transfer_number,
    last_transfer_committed_at,
    demurrage_rate,
    commit_period,
    transfer_note_max_bytes,
    last_heartbeat_ts
  )
  select
    u.creditor_id,
    u.debtor_id,
    u.creation_date,
    u.last_change_ts,
    u.last_change_seqnum,
    u.principal,
    u.interest,
    u.interest_rate,
    u.last_interest_rate_change_ts,
    u.last_config_ts,
    u.config_flags,
    u.negligible_amount,
    u.account_id,
    u.debtor_info_iri,
    u.last_transfer_number,
    u.last_transfer_committed_at,
    u.demurrage_rate,
    u.commit_period,
    u.transfer_note_max_bytes,
    u.heartbeat_ts
  from unnest(p_updates) as u
  where u.is_later and (u.is_needed or u.is_released or u.is_stored)
  order by u.creditor_id, u.debtor_id
  on conflict (creditor_id, debtor_id) do update set
    creation_date = excluded.creation_date,
    last_change_ts = excluded.last_change_ts,
    last_change_seqnum = excluded.last_change_seqnum,
    principal = excluded.principal,
    interest = excluded.interest,
    interest_rate = excluded.interest_rate,
    last_interest_rate_change_ts = excluded.last_interest_rate_change_ts,
    last_config_ts = excluded.last_config_ts,
    config_flags = excluded.config_flags,
    negligible_amount = excluded.negligible_amount,
    -- An account keeps its ID for life; a later creation date is another life.
    account_id = case
      when a.account_id = '' or (excluded.account_id <> '' and excluded.creation_date > a.creation_date)
        then excluded.account_id
      else a.account_id
    end,
    debtor_info_iri = excluded.debtor_info_iri,
    last_transfer_number = excluded.last_transfer_number,
    last_transfer_committed_at = excluded.last_transfer_committed_at,
    demurrage_rate = excluded.demurrage_rate,
    commit_period = excluded.commit_period,
    transfer_note_max_bytes = excluded.transfer_note_max_bytes,
    last_heartbeat_ts = greatest(a.last_heartbeat_ts, excluded.last_heartbeat_ts),
    -- Numbers begin anew with the next life.
    seen_transfer_number = case when excluded.creation_date > a.creation_date then 0 else a.seen_transfer_number end;

  -- Whatever the messages said that did not come, or came before this database: those before transfers that were told
  -- long ago, and before long, have all been handled.
  update worker.worker_account as a set seen_transfer_number = n.transfer_number
  from (
    select
      o.creditor_id,
      o.debtor_id,
      greatest(
        max(r.last_number), case when o.last_transfer_committed_at < t.old_at then o.last_transfer_number end
      ) as transfer_number
    from unnest(p_updates) as u
    cross join (select worker.now() - c.extreme_message_delay as old_at from worker.configuration as c) as t
    join worker.worker_account as o
      on o.creditor_id = u.creditor_id and o.debtor_id = u.debtor_id and o.creation_date = u.creation_date
    left join worker.transfer_run as r
      on r.creditor_id = o.creditor_id
      and r.debtor_id = o.debtor_id
      and r.creation_date = o.creation_date
      and r.noticed_at < t.old_at
    group by o.creditor_id, o.debtor_id, t.old_at
  ) as n
  where
    a.creditor_id = n.creditor_id
    and a.debtor_id = n.debtor_id
    and a.seen_transfer_number < n.transfer_number
    and worker.doubtful_turns() is null
    -- It is evidence until somebody has looked at it.
    and not exists (
      select
      from worker.account_at_step_back as b
      where b.creditor_id = a.creditor_id and b.debtor_id = a.debtor_id and b.concluded_at is null
    );

  with account as (
    select a.creditor_id, a.debtor_id, a.creation_date, a.seen_transfer_number
    from unnest(p_updates) as u
    join worker.worker_account as a on a.creditor_id = u.creditor_id and a.debtor_id = u.debtor_id
  )
  delete from worker.transfer_run as r
  using account as a
  where
    r.creditor_id = a.creditor_id
    and r.debtor_id = a.debtor_id
    and (r.last_number <= a.seen_transfer_number or r.creation_date <> a.creation_date);

  -- The account was opened, and had transfers, in the time that this database lost.
  insert into worker.account_at_step_back (
    creditor_id, debtor_id, noticed_at, creation_date, known_transfer_number, surplus
  )
  select u.creditor_id, u.debtor_id, s.noticed_at, u.creation_date, 0, 0
  from unnest(p_updates) as u
  cross join (select max(noticed_at) as noticed_at from worker.step_back where ended_at is null) as s
  where s.noticed_at is not null and u.is_later and u.is_needed and not u.is_stored and u.last_transfer_number > 0
  order by u.creditor_id, u.debtor_id
  on conflict do nothing;

  update worker.worker_account as a set last_heartbeat_ts = u.heartbeat_ts
  from unnest(p_updates) as u
  where
    a.creditor_id = u.creditor_id
    and a.debtor_id = u.debtor_id
    and not u.is_later
    and a.last_heartbeat_ts < u.heartbeat_ts;

  update worker.needed_worker_account as n set rejections = 0, purged_at = null, is_purged = false
  from unnest(p_updates) as u
  where
    n.creditor_id = u.creditor_id
    and n.debtor_id = u.debtor_id
    and not u.is_stored
    and (n.rejections > 0 or n.purged_at is not null);
end;

comment on function worker.store_account_updates is
  'Creates and updates worker accounts. Older messages and heartbeats only show that the account is alive. '
  'Called by apply_account_update, which has locked the rows.';
