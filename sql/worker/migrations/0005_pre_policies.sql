create table worker.trading_policy (
  creditor_id bigint not null,
  debtor_id bigint not null,
  latest_ledger_update_id bigint not null default 0 check (latest_ledger_update_id >= 0),
  latest_ledger_update_ts timestamptz not null default 'epoch',
  account_id text collate "C" not null default '',
  account_id_is_obsolete boolean not null default false,
  creation_date date not null default '1970-01-01',
  principal bigint not null default 0,
  last_transfer_number bigint not null default 0 check (last_transfer_number >= 0),
  latest_policy_update_id bigint not null default 0 check (latest_policy_update_id >= 0),
  latest_policy_update_ts timestamptz not null default 'epoch',
  policy_name text collate "C",
  min_principal bigint not null default -9223372036854775808,
  max_principal bigint not null default 9223372036854775807,
  peg_debtor_id bigint,
  peg_exchange_rate float8 check (peg_exchange_rate >= 0),
  latest_flags_update_id bigint not null default 0 check (latest_flags_update_id >= 0),
  latest_flags_update_ts timestamptz not null default 'epoch',
  config_flags integer not null default 0,
  key_hash integer not null generated always as (worker.hash32(creditor_id)) stored,
  primary key (creditor_id, debtor_id),
  check (min_principal <= max_principal),
  check ((peg_debtor_id is null) = (peg_exchange_rate is null))
) with (fillfactor = 80);

-- Walks a trader's approved pegs from the base currency outwards, one index probe a bid. A hash of both columns,
-- because most pegs lead to the same currency: the planner may then take the primary key for as good as an index on
-- the columns, and would read all policies of a trader for each of them.
create index trading_policy_peg_idx on worker.trading_policy (hashint8extended(peg_debtor_id, creditor_id))
where peg_debtor_id is not null;

comment on table worker.trading_policy is
  'What a customer wants to hold of a currency and what is held: three streams of notifications of the creditors '
  'agent, merged. Key: creditor_id.';
comment on column worker.trading_policy.principal is 'Tokens on the account according to the latest ledger update.';
comment on column worker.trading_policy.peg_exchange_rate is
  'The owner approves that one token is worth this many tokens of the peg currency.';
