create table worker.operator_action (
  action_id bigint primary key generated always as identity,
  done_at timestamptz not null,
  done_by text collate "C" not null check (done_by <> ''),
  action text collate "C" not null check (action <> ''),
  subject jsonb not null
);

create index operator_action_done_at_idx on worker.operator_action (done_at);

comment on table worker.operator_action is
  'What people have changed in this database by the functions for operators: who, when, what. Written in the '
  'transaction of the change; nobody but the owner changes or removes it. Kept for a year.';
comment on column worker.operator_action.subject is 'Which turn, currency, account, payment or messages. Signed IDs.';
