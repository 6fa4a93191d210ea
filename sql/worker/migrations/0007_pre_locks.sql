create sequence worker.coordinator_request_id_seq as bigint;

comment on sequence worker.coordinator_request_id_seq is
  'Request IDs of account locks and transfer attempts of this shard. Never reset: answers to old requests may '
  'still arrive. Goes with the clock, in microseconds since 1970: see worker.catch_up_request_ids.';

create table worker.account_lock (
  creditor_id bigint not null,
  debtor_id bigint not null,
  turn_id integer not null,
  collector_id bigint not null,
  initiated_at timestamptz not null,
  coordinator_request_id bigint not null default nextval('worker.coordinator_request_id_seq') unique,
  amount bigint not null,
  collection_deadline timestamptz not null,
  transfer_id bigint,
  finalized_at timestamptz,
  released_at timestamptz,
  account_creation_date date,
  account_last_transfer_number bigint,
  has_been_revised boolean not null default false,
  paid_amount bigint,
  key_hash integer not null generated always as (worker.hash32(creditor_id)) stored,
  primary key (creditor_id, debtor_id),
  check (finalized_at is null or transfer_id is not null),
  check (released_at is null or finalized_at is not null),
  check ((released_at is null) = (account_creation_date is null)),
  check (paid_amount is null or released_at is not null),
  check ((released_at is null) = (account_last_transfer_number is null))
) with (fillfactor = 70);

create index account_lock_turn_idx on worker.account_lock (turn_id);

comment on table worker.account_lock is
  'Accounts engaged in a turn, each backed by a prepared transfer to or from a collector. Key: creditor_id.';
comment on column worker.account_lock.amount is
  'Tokens: <= 0 to sell, > 0 to buy. Rewritten on preparation and on revision.';
comment on column worker.account_lock.paid_amount is
  'Tokens that left (< 0) or reached (> 0) the account and thereby released it. Null: nothing did yet, or the trader '
  'is the collector.';
comment on column worker.account_lock.collection_deadline is
  'Deadline of the turn, copied so that no transfer message needs the turn.';

create table worker.creditor_participation (
  creditor_id bigint not null,
  debtor_id bigint not null,
  turn_id integer not null,
  amount bigint not null check (amount < 0 or amount > 1),
  collector_id bigint not null,
  key_hash integer not null generated always as (worker.hash32(creditor_id)) stored,
  primary key (creditor_id, debtor_id, turn_id)
);

comment on table worker.creditor_participation is
  'The solver''s verdict for an account: tokens to take (< 0) or to give (> 1). Dies when the lock is revised. '
  'Key: creditor_id.';

create type worker.candidate_offer as (
  creditor_id bigint,
  debtor_id bigint,
  amount bigint,
  account_creation_date date,
  last_transfer_number bigint
);

comment on type worker.candidate_offer is
  'A bid that passed the analysis: tokens to sell (< 0) or to buy (> 0), and the account state it was made from.';

create type worker.releasing_transfer as (
  creditor_id bigint,
  debtor_id bigint,
  turn_id integer,
  acquired_amount bigint,
  creation_date date,
  transfer_number bigint
);

comment on type worker.releasing_transfer is
  'An AccountTransfer of a customer that may end the trade on the account: tokens paid (< 0) or got (> 0) in a turn, '
  'and the account state it left.';
