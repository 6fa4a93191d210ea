-- One inbox queue per lane, one outgoing queue per message type, and typed tables for the two types a turn sends by
-- the million.

comment on schema pgmq is 'Message queues, installed from the pgmq package.';

select pgmq.create(format('inbox_%s', lane))
from generate_series(0, (select lane_count - 1 from worker.configuration)) as lane;

select pgmq.create(queue_name)
from unnest(array[
  'out_configure_account',
  'out_fetch_debtor_info',
  'out_store_document',
  'out_discover_debtor',
  'out_confirm_debtor',
  'out_activate_collector',
  'out_candidate_offer',
  'out_needed_collector',
  'out_revise_account_lock',
  'out_trigger_transfer',
  'out_account_id_request',
  'out_account_id_response',
  'out_start_sending',
  'out_start_dispatching',
  'solver_request'
]) as queue_name;

create type worker.outgoing_message as (
  outbox_id bigint,
  message jsonb
);

comment on type worker.outgoing_message is 'A row of an outgoing queue: its ID there, and the message.';

comment on schema outbox is 'Outgoing messages that are kept in columns, because a turn sends them by the million.';

create table outbox.prepare_transfer (
  outbox_id bigint primary key generated always as identity,
  creditor_id bigint not null,
  debtor_id bigint not null,
  coordinator_request_id bigint not null,
  min_locked_amount bigint not null check (min_locked_amount >= 0),
  max_locked_amount bigint not null check (max_locked_amount >= min_locked_amount),
  recipient text collate "C" not null check (recipient <> ''),
  final_interest_rate_ts timestamptz not null,
  max_commit_delay integer not null check (max_commit_delay >= 0),
  ts timestamptz not null
);

comment on table outbox.prepare_transfer is
  'PrepareTransfer messages to send. The coordinator is of type agent, its ID is the sender''s creditor ID.';

create table outbox.finalize_transfer (
  outbox_id bigint primary key generated always as identity,
  creditor_id bigint not null,
  debtor_id bigint not null,
  transfer_id bigint not null,
  coordinator_id bigint not null,
  coordinator_request_id bigint not null,
  committed_amount bigint not null check (committed_amount >= 0),
  transfer_note_format text collate "C" not null,
  transfer_note text collate "C" not null,
  ts timestamptz not null,
  check ((committed_amount = 0) = (transfer_note = ''))
);

comment on table outbox.finalize_transfer is
  'FinalizeTransfer messages to send: a commit (amount > 0, with a note) or a dismissal (amount 0, without).';
