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
