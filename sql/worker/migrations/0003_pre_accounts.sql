-- Collector accounts managed by this shard. Key of all four: creditor_id (= collector ID).

-- Frozen: generated columns depend on these functions. Some authorities store amounts in single precision.

create function worker.is_foreign_configuration(p_config_flags integer, p_negligible_amount float8)
  returns boolean
  language sql
  immutable
  parallel safe
return (p_config_flags & 1) = 1 or p_negligible_amount not between 0.99999e30 and 1.00001e30;

comment on function worker.is_foreign_configuration(integer, float8) is
  'Is this another configuration than that of an account which we want to keep: scheduled for deletion, or with '
  'another negligible amount (tokens) than 1e30?';

create function worker.is_discarding_configuration(p_config_flags integer, p_negligible_amount float8)
  returns boolean
  language sql
  immutable
  parallel safe
return (p_config_flags & 1) = 1 and (p_negligible_amount <= 2 or p_negligible_amount >= 0.99999e30);

comment on function worker.is_discarding_configuration(integer, float8) is
  'Is an account with this configuration being given up: scheduled for deletion by us (up to 2 tokens may be left on '
  'it), or by services that gave up whatever there was (1e30)?';

create table worker.needed_worker_account (
  creditor_id bigint not null,
  debtor_id bigint not null,
  configured_at timestamptz not null,
  config_ts timestamptz,
  configurations integer not null default 1 check (configurations > 0),
  rejections integer not null default 0 check (rejections >= 0),
  rejected_config_ts timestamptz,
  repairs integer not null default 0 check (repairs >= 0),
  repaired_at timestamptz,
  purged_at timestamptz,
  is_purged boolean not null default false,
  emptied_at timestamptz,
  released_at timestamptz,
  key_hash integer not null generated always as (worker.hash32(creditor_id)) stored,
  primary key (creditor_id, debtor_id),
  check ((repairs > 0) = (repaired_at is not null)),
  check (not is_purged or purged_at is not null)
);

-- The order in which the solver's catalogue is compared with what is here.
create index needed_worker_account_debtor_idx on worker.needed_worker_account (debtor_id, creditor_id);

comment on table worker.needed_worker_account is
  'Collector accounts that this shard asked the accounting authority to create.';
comment on column worker.needed_worker_account.configured_at is 'When the last ConfigureAccount was sent.';
comment on column worker.needed_worker_account.config_ts is
  'ts of the last ConfigureAccount, if it is not configured_at: an authority ignores those that are not later than the '
  'one it knows.';
comment on column worker.needed_worker_account.configurations is
  'ConfigureAccount messages since the account was wanted; they are at least the extreme message delay apart.';
comment on column worker.needed_worker_account.rejections is
  'Rejected ConfigureAccount messages since the account was last created.';
comment on column worker.needed_worker_account.rejected_config_ts is
  'ts of the newest ConfigureAccount that was rejected.';
comment on column worker.needed_worker_account.repairs is
  'ConfigureAccount messages in a row that were sent because the authority reported another configuration than ours.';
comment on column worker.needed_worker_account.purged_at is
  'When the account vanished. Late payments may bring it back, so it stays needed for the slack periods.';
comment on column worker.needed_worker_account.is_purged is
  'Did the authority say that it vanished (AccountPurge)? Otherwise it was only silent for very long.';
comment on column worker.needed_worker_account.emptied_at is
  'When the last transfer of the money of this removed collector to another one was begun.';
comment on column worker.needed_worker_account.released_at is
  'When the account of this removed collector was given up. The row stays until the authority has purged the account '
  'and the solver has forgotten the collector: that a row is missing proves nothing.';

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
  last_config_ts timestamptz not null,
  config_flags integer not null,
  negligible_amount float8 not null check (negligible_amount >= 0),
  account_id text collate "C" not null,
  debtor_info_iri text collate "C" check (debtor_info_iri <> ''),
  last_transfer_number bigint not null check (last_transfer_number >= 0),
  last_transfer_committed_at timestamptz not null,
  demurrage_rate float8 not null check (demurrage_rate between -100 and 0),
  commit_period integer not null check (commit_period >= 0),
  transfer_note_max_bytes integer not null check (transfer_note_max_bytes >= 0),
  last_heartbeat_ts timestamptz not null,
  seen_transfer_number bigint not null default 0 check (seen_transfer_number >= 0),
  has_foreign_configuration boolean not null generated always as (
    worker.is_foreign_configuration(config_flags, negligible_amount)
  ) stored,
  is_discarded boolean not null generated always as (
    worker.is_discarding_configuration(config_flags, negligible_amount)
  ) stored,
  key_hash integer not null generated always as (worker.hash32(creditor_id)) stored,
  primary key (creditor_id, debtor_id)
);

comment on table worker.worker_account is
  'This shard''s copy of what the accounting authority says of its collector accounts.';
comment on column worker.worker_account.interest_rate is 'Percent per year.';
comment on column worker.worker_account.last_config_ts is
  'ts of the newest ConfigureAccount that the authority applied.';
comment on column worker.worker_account.negligible_amount is
  'Tokens. Smaller incoming payments are not told of, and an account scheduled for deletion with no more on it is '
  'deleted.';
comment on column worker.worker_account.seen_transfer_number is
  'All transfers of the account up to this number were told to this database, without a gap, in AccountTransfer '
  'messages. If the authority knows no later one, nothing moved that this database does not know of.';
comment on column worker.worker_account.has_foreign_configuration is
  'Is the account configured otherwise than we configure accounts that we need?';
comment on column worker.worker_account.is_discarded is 'Has its deletion been ordered?';
comment on column worker.worker_account.commit_period is 'Seconds for which the authority keeps a prepared transfer.';

create table worker.transfer_run (
  creditor_id bigint not null,
  debtor_id bigint not null,
  creation_date date not null,
  previous_number bigint not null check (previous_number >= 0),
  last_number bigint not null,
  noticed_at timestamptz not null,
  primary key (creditor_id, debtor_id, last_number),
  foreign key (creditor_id, debtor_id) references worker.worker_account (creditor_id, debtor_id) on delete cascade,
  check (last_number > previous_number)
);

comment on table worker.transfer_run is
  'Transfers of collector accounts that were told to this database, each after the one before, but not all before '
  'them: messages came in another order, are missing, or came before this database held the account.';
comment on column worker.transfer_run.creation_date is 'That of the account: numbers begin anew with the next life.';
comment on column worker.transfer_run.previous_number is
  'The number of the transfer before the first of them, which was not told.';
comment on column worker.transfer_run.last_number is 'The number of the last of them.';
comment on column worker.transfer_run.noticed_at is
  'When the first of them was told. A message that is missing a long time later is not under way any more.';

create table worker.unknown_account (
  creditor_id bigint not null,
  debtor_id bigint not null,
  creation_date date not null,
  last_change_ts timestamptz not null,
  principal bigint not null,
  interest float8 not null,
  account_id text collate "C" not null,
  last_config_ts timestamptz not null,
  config_flags integer not null,
  negligible_amount float8 not null,
  status text collate "C" not null default 'listed' check (status in ('listed', 'held', 'discarding')),
  reason text collate "C" check (reason in ('money', 'customer')),
  first_reported_at timestamptz not null,
  reported_at timestamptz not null,
  ordered_at timestamptz,
  accepted_loss bigint not null default 2 check (accepted_loss >= 2),
  key_hash integer not null generated always as (worker.hash32(creditor_id)) stored,
  primary key (creditor_id, debtor_id),
  check ((status = 'held') = (reason is not null)),
  check (status <> 'discarding' or ordered_at is not null)
);

create index unknown_account_debtor_idx on worker.unknown_account (debtor_id);

comment on table worker.unknown_account is
  'Accounts with IDs of collectors that authorities report and this shard did not ask for. The poll of collectors '
  'decides about them, with the solver''s catalogue; no handler does. At most 100 a currency.';
comment on column worker.unknown_account.status is
  'listed: not decided yet. held: nobody knows the account, but there is money on it, or its owner is a customer; an '
  'operator decides. discarding: its deletion was ordered.';
comment on column worker.unknown_account.reason is
  'Why it is held. money: more than 2 tokens. customer: its owner has a trading policy.';
comment on column worker.unknown_account.accepted_loss is
  'Tokens that may be on the account when the authority deletes it; more than 2 only if an operator said so.';

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
  last_config_ts timestamptz,
  config_flags integer,
  negligible_amount float8,
  account_id text collate "C",
  debtor_info_iri text collate "C",
  last_transfer_number bigint,
  last_transfer_committed_at timestamptz,
  demurrage_rate float8,
  commit_period integer,
  transfer_note_max_bytes integer,
  heartbeat_ts timestamptz,
  is_needed boolean,
  is_released boolean,
  is_stored boolean,
  is_later boolean,
  is_heartbeat boolean,
  is_discarded boolean,
  is_eligible boolean,
  has_new_account_id boolean,
  has_new_iri boolean
);

comment on type worker.account_update is
  'An AccountUpdate message and what it means to this shard. is_needed: we asked for the account and want to keep it; '
  'is_released: we asked for it once. is_stored: it is known already. is_later: it says something newer than what is '
  'known; is_heartbeat: it repeats that. is_discarded: the account is about to be deleted. is_eligible: fit for trade. '
  'has_new_account_id: its ID may be told to the solver now. heartbeat_ts: when it was alive for sure.';

create type worker.collector_removal as (
  debtor_id bigint,
  collector_id bigint,
  heir_id bigint,
  amount bigint,
  state text collate "C"
);

comment on type worker.collector_removal is
  'A collector that is being removed, how far it got, and who gets the tokens (amount) that are left on its account.';

create type worker.unknown_account_verdict as (
  creditor_id bigint,
  debtor_id bigint,
  reason text collate "C",
  is_due boolean
);

comment on type worker.unknown_account_verdict is
  'About an account that nobody asked for: why it has to be held (null: it may be deleted), and whether to order the '
  'deletion now.';
