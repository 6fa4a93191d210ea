create table solver.life (
  only_row boolean primary key default true check (only_row),
  system_identifier bigint not null,
  timeline_id integer not null,
  database_id bigint not null,
  beat bigint not null check (beat >= 0),
  beat_at timestamptz not null
);

comment on table solver.life is
  'Where this database was when the solver''s turn loop last looked, in one row, and how often it has looked. Empty: '
  'never; then there is nothing from which it could have stepped back.';
comment on column solver.life.timeline_id is 'That of the server''s WAL: it grows with each promotion and recovery.';
comment on column solver.life.beat is 'Counts the looks of the loop. Workers keep the highest one that they have seen.';

create table solver.step_back (
  step_back_id bigint primary key generated always as identity,
  noticed_at timestamptz not null,
  reason text collate "C" not null,
  resolved_at timestamptz,
  resumed_above integer check (resumed_above >= 0),
  resolved_by text collate "C",
  check ((resolved_at is null) = (resumed_above is null)),
  check (resolved_by is null or resolved_at is not null)
);

create unique index step_back_unresolved_idx on solver.step_back ((true)) where resolved_at is null;

comment on table solver.step_back is
  'When this database turned out to be an earlier state of itself, or may be one: it was restored, rolled back or '
  'promoted. Until that is resolved no turn starts and no phase ends.';
comment on column solver.step_back.resumed_above is 'No turn up to this ID is started any more.';
comment on column solver.step_back.resolved_by is
  'The operator who did not wait for all shards. Null: all of them had reported.';
