-- What tells a database that it was restored, or promoted without the last commits, and what is in doubt since then.

create table worker.life (
  only_row boolean primary key default true check (only_row),
  system_identifier bigint not null,
  timeline_id integer not null,
  database_id bigint not null,
  seen_at timestamptz not null
);

comment on table worker.life is
  'Where this database lived when a process last looked, one row. A copy, a promoted standby and a recovery to a '
  'moment differ from it in one of the three.';
comment on column worker.life.system_identifier is 'That of the PostgreSQL server''s data.';
comment on column worker.life.timeline_id is 'It grows with each promotion and each recovery to a moment.';
comment on column worker.life.database_id is 'The OID of the database within its server.';
comment on column worker.life.seen_at is 'About a minute old while processes run.';

create table worker.step_back (
  noticed_at timestamptz primary key,
  last_seen_at timestamptz not null,
  reason text collate "C" not null,
  last_turn_id integer,
  ended_at timestamptz,
  check (ended_at is null or last_turn_id is not null)
);

comment on table worker.step_back is
  'The moments at which this database noticed that it may have lost its last commits. What was done in between is '
  'unknown here, and in doubt until evidence, or an operator, decides.';
comment on column worker.step_back.last_seen_at is
  'When a process last worked on this database before, as far as it knows.';
comment on column worker.step_back.last_turn_id is
  'The last turn that had reached phase 3 by then: payments of later turns are in no doubt. Null: the solver could not '
  'be asked yet.';
comment on column worker.step_back.ended_at is 'When nothing was in doubt any more.';

create table worker.account_at_step_back (
  creditor_id bigint not null,
  debtor_id bigint not null,
  noticed_at timestamptz not null,
  creation_date date not null,
  known_transfer_number bigint not null check (known_transfer_number >= 0),
  surplus bigint check (surplus >= 0),
  paid bigint not null default 0 check (paid >= 0),
  concluded_at timestamptz,
  unseen_transfers bigint check (unseen_transfers > 0),
  leaves bigint check (leaves >= 0),
  unexplained bigint check (unexplained > leaves),
  settled_at timestamptz,
  settled_by text collate "C" check (settled_by <> ''),
  primary key (creditor_id, debtor_id, noticed_at),
  check (num_nulls(concluded_at, unseen_transfers, leaves, unexplained) in (0, 4)),
  check (num_nulls(settled_at, settled_by) in (0, 2)),
  check (settled_at is null or concluded_at is not null)
);

create unique index account_at_step_back_open_idx on worker.account_at_step_back (creditor_id, debtor_id)
where concluded_at is null;

comment on table worker.account_at_step_back is
  'What this database knew of its collector accounts when it noticed that it had stepped back, compared later with '
  'what the authority says: nothing else tells of tokens that came in the time which all databases lost. Only what '
  'nothing explains stays.';
comment on column worker.account_at_step_back.noticed_at is 'That of the worker.step_back.';
comment on column worker.account_at_step_back.known_transfer_number is
  'The latest transfer of the account of which this database knew: by itself, or as the last one of the authority.';
comment on column worker.account_at_step_back.surplus is
  'Tokens on the account that were nobody''s: more than came in and was still owed. Null: not known, as the authority '
  'had not told yet of the account after the latest transfers.';
comment on column worker.account_at_step_back.paid is
  'Tokens that left the account since then, as far as this database was told, before it was compared.';
comment on column worker.account_at_step_back.unseen_transfers is
  'Transfers of the account that this database was not told of, at most: some may have come after them.';
comment on column worker.account_at_step_back.leaves is
  'So many tokens may have stayed on the account by rounding, by the cut and for demurrage since the step back.';
comment on column worker.account_at_step_back.unexplained is
  'Tokens on the account, when it was compared, that nothing in this database explains.';
comment on column worker.account_at_step_back.settled_at is 'When an operator (settled_by) said that they are settled.';

create table worker.transfer_decision (
  decision_id bigint primary key generated always as identity,
  decided_at timestamptz not null,
  decided_by text collate "C" not null check (decided_by <> ''),
  decision text collate "C" not null check (
    decision in ('paid', 'try again', 'has come', 'never came', 'nothing was lost')
  ),
  collector_id bigint,
  turn_id integer,
  debtor_id bigint,
  creditor_id bigint,
  is_dispatching boolean,
  check (num_nulls(collector_id, turn_id, debtor_id, creditor_id, is_dispatching) in (0, 5)),
  check ((decision = 'nothing was lost') = (collector_id is null))
);

comment on table worker.transfer_decision is
  'What operators decided about payments in doubt (the key is that of worker.transfer_attempt), also about those that '
  'may have come (creditor_id is the payer, is_dispatching tells that it is a seller), and when they said that nothing '
  'was lost at all.';
