create or replace function worker.collector_account(p_collector_id bigint, p_debtor_id bigint)
  returns table (
    seen_at timestamptz,
    is_own boolean,
    removal_delay interval,
    is_needed boolean,
    configured_at timestamptz,
    configurations integer,
    rejections integer,
    repairs integer,
    purged_at timestamptz,
    is_purged boolean,
    released_at timestamptz,
    has_account boolean,
    account_id text,
    creation_date date,
    principal bigint,
    interest double precision,
    interest_rate real,
    movable_amount bigint,
    last_change_ts timestamptz,
    last_change_seqnum integer,
    last_heartbeat_ts timestamptz,
    last_transfer_number bigint,
    seen_transfer_number bigint,
    last_config_ts timestamptz,
    config_flags integer,
    negligible_amount double precision,
    has_foreign_configuration boolean,
    is_discarded boolean,
    is_silent boolean,
    unknown_status text,
    unknown_reason text,
    unknown_principal bigint,
    unknown_reported_at timestamptz,
    has_open_payments boolean,
    moves_rest_money boolean
  )
  language sql
  security definer
  stable
begin atomic
  select
    worker.now(),
    worker.in_realm(worker.hash32(p_collector_id)),
    worker.collector_slack(c),
    n.creditor_id is not null,
    n.configured_at,
    n.configurations,
    n.rejections,
    n.repairs,
    n.purged_at,
    n.is_purged,
    n.released_at,
    a.creditor_id is not null,
    a.account_id,
    a.creation_date,
    a.principal,
    a.interest,
    a.interest_rate,
    case when a.creditor_id is not null then worker.movable_amount(a, c) end,
    a.last_change_ts,
    a.last_change_seqnum,
    a.last_heartbeat_ts,
    a.last_transfer_number,
    a.seen_transfer_number,
    a.last_config_ts,
    a.config_flags,
    a.negligible_amount,
    a.has_foreign_configuration,
    a.is_discarded,
    n.released_at is null
    and n.purged_at is null
    and a.creditor_id is null
    and n.configured_at < worker.now() - c.extreme_message_delay,
    k.status,
    k.reason,
    k.principal as unknown_principal,
    k.reported_at,
    worker.has_open_payments(p_collector_id, p_debtor_id),
    exists (
      select from worker.transfer_attempt as t
      where t.collector_id = p_collector_id and t.turn_id = 0 and t.debtor_id = p_debtor_id
    )
  from worker.configuration as c
  left join worker.needed_worker_account as n on n.creditor_id = p_collector_id and n.debtor_id = p_debtor_id
  left join worker.worker_account as a on a.creditor_id = p_collector_id and a.debtor_id = p_debtor_id
  left join worker.unknown_account as k on k.creditor_id = p_collector_id and k.debtor_id = p_debtor_id;
end;

comment on function worker.collector_account is
  'What this database knows of a collector account, in one row, now (seen_at). is_own: it is one of this shard. '
  'is_needed: it was asked for; configured_at to released_at are of that, account_id to is_discarded of what the '
  'authority says (has_account), in tokens and percent per year. is_silent: it is needed, and nobody has told of it '
  'within the extreme message delay. unknown_…: it was not asked for, but reported. removal_delay: how long after it '
  'was disabled its removal begins; movable_amount are the tokens which go to another collector then, and '
  'moves_rest_money says that they are on their way. Called by the dashboard.';
