create table worker.operator_action (
  action_id bigint primary key generated always as identity,
  done_at timestamptz not null,
  done_by text collate "C" not null check (done_by <> ''),
  database_user text collate "C" not null default session_user,
  action text collate "C" not null check (action <> ''),
  subject jsonb not null
);

create index operator_action_done_at_idx on worker.operator_action (done_at);

comment on table worker.operator_action is
  'What people have changed in this database by the functions for operators: who, when, what. Written in the '
  'transaction of the change; nobody but the owner changes or removes it. Kept for a year.';
comment on column worker.operator_action.done_by is
  'The person, as the web server or the command says; who calls functions without a name is the database user.';
comment on column worker.operator_action.database_user is 'Who was connected to the database.';
comment on column worker.operator_action.subject is 'Which turn, currency, account, payment or messages. Signed IDs.';
