-- Collector accounts managed by this shard. Key of all three: creditor_id (= collector ID).

create table worker.needed_worker_account (
  creditor_id bigint not null,
  debtor_id bigint not null,
  configured_at timestamptz not null,
  configurations integer not null default 1 check (configurations > 0),
  rejections integer not null default 0 check (rejections >= 0),
  rejected_config_ts timestamptz,
  purged_at timestamptz,
  emptied_at timestamptz,
  key_hash integer not null generated always as (worker.hash32(creditor_id)) stored,
  primary key (creditor_id, debtor_id)
);

comment on table worker.needed_worker_account is
  'Collector accounts that this shard asked the accounting authority to create.';
comment on column worker.needed_worker_account.configured_at is 'Moment of the last ConfigureAccount.';
comment on column worker.needed_worker_account.configurations is
  'ConfigureAccount messages since the account was wanted; they are at least the extreme message delay apart.';
comment on column worker.needed_worker_account.rejections is
  'Rejected ConfigureAccount messages since the account was last created.';
comment on column worker.needed_worker_account.rejected_config_ts is
  'ts of the newest ConfigureAccount that was rejected.';
comment on column worker.needed_worker_account.purged_at is
  'When the account vanished. Late payments may bring it back, so it stays needed for the slack periods.';
comment on column worker.needed_worker_account.emptied_at is
  'When the last transfer of the money of this removed collector to another one was begun.';

create table worker.worker_account (
  creditor_id bigint not null,
  debtor_id bigint not null,
  creation_date date not null,
  last_change_ts timestamptz not null,
  last_change_seqnum integer not null,
  principal bigint not null,
  interest float8 not null,
  interest_rate float4 not null check (interest_rate >= -100),
  last_interest_rate_change_ts timestamptz not null,
  config_flags integer not null,
  account_id text not null,
  debtor_info_iri text check (debtor_info_iri <> ''),
  last_transfer_number bigint not null check (last_transfer_number >= 0),
  last_transfer_committed_at timestamptz not null,
  demurrage_rate float8 not null check (demurrage_rate between -100 and 0),
  commit_period integer not null check (commit_period >= 0),
  transfer_note_max_bytes integer not null check (transfer_note_max_bytes >= 0),
  last_heartbeat_ts timestamptz not null,
  key_hash integer not null generated always as (worker.hash32(creditor_id)) stored,
  primary key (creditor_id, debtor_id)
);

comment on table worker.worker_account is
  'This shard''s copy of what the accounting authority says of its collector accounts.';
comment on column worker.worker_account.interest_rate is 'Percent per year.';
comment on column worker.worker_account.commit_period is 'Seconds for which the authority keeps a prepared transfer.';

create table worker.interest_rate_change (
  creditor_id bigint not null,
  debtor_id bigint not null,
  change_ts timestamptz not null,
  interest_rate float4 not null check (interest_rate >= -100),
  key_hash integer not null generated always as (worker.hash32(creditor_id)) stored,
  primary key (creditor_id, debtor_id, change_ts) include (interest_rate)
);

comment on table worker.interest_rate_change is
  'Known interest rate changes of collector accounts, percent per year, compacted to what the lowest rate since '
  'a moment needs.';

create table worker.recently_needed_collector (
  debtor_id bigint primary key check (debtor_id <> 0),
  needed_at timestamptz not null,
  key_hash integer not null generated always as (worker.hash32(debtor_id)) stored
);

comment on table worker.recently_needed_collector is
  'Currencies for which the solver was asked for a collector not long ago. Key: debtor_id.';

create type worker.account_update as (
  creditor_id bigint,
  debtor_id bigint,
  creation_date date,
  last_change_ts timestamptz,
  last_change_seqnum integer,
  principal bigint,
  interest float8,
  interest_rate float4,
  last_interest_rate_change_ts timestamptz,
  config_flags integer,
  account_id text,
  debtor_info_iri text,
  last_transfer_number bigint,
  last_transfer_committed_at timestamptz,
  demurrage_rate float8,
  commit_period integer,
  transfer_note_max_bytes integer,
  heartbeat_ts timestamptz,
  is_needed boolean,
  is_stored boolean,
  is_later boolean,
  is_heartbeat boolean,
  is_discarded boolean,
  is_eligible boolean,
  has_new_account_id boolean,
  has_new_iri boolean
);

comment on type worker.account_update is
  'An AccountUpdate message and what it means to this shard. is_needed: we asked for the account. is_stored: it '
  'is known already. is_later: it says something newer than what is known; is_heartbeat: it repeats that. '
  'is_discarded: the account is about to be deleted. is_eligible: fit for trade. heartbeat_ts: when it was '
  'alive for sure.';

create type worker.collector_removal as (
  debtor_id bigint,
  collector_id bigint,
  heir_id bigint,
  amount bigint,
  state text
);

comment on type worker.collector_removal is
  'A collector that is being removed, how far it got, and who gets the tokens (amount) that are left on its account.';
