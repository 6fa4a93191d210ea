create table solver.installation (
  only_row boolean primary key default true check (only_row),
  installation_id uuid not null,
  made_at timestamptz not null
);

comment on table solver.installation is
  'What tells this installation from others, one row that the first `configure` makes. Worker databases are bound to '
  'it.';

create table solver.shard (
  binding_key text collate "C" not null check (binding_key ~ '^([01]\.){0,16}#$'),
  system_identifier bigint not null,
  timeline_id integer not null,
  database_id bigint not null,
  release text collate "C" not null,
  min_collector_id bigint not null,
  max_collector_id bigint not null,
  clock_difference float8 not null,
  first_seen_at timestamptz not null,
  last_seen_at timestamptz not null,
  retired_at timestamptz,
  last_turn_id integer,
  last_turn_started_at timestamptz,
  last_turn_phase smallint,
  last_turn_subphase smallint,
  answered_step_back_id bigint,
  wal_position pg_lsn,
  primary key (binding_key, system_identifier, timeline_id, database_id)
);

comment on table solver.shard is
  'The worker databases that have reported, by their shard''s key. A copy of one has another timeline or another OID, '
  'so it has a row of its own.';
comment on column solver.shard.system_identifier is 'That of the PostgreSQL server''s data, for ever.';
comment on column solver.shard.timeline_id is 'It grows with each promotion and each recovery to a moment.';
comment on column solver.shard.database_id is 'The OID of the database within its server.';
comment on column solver.shard.release is 'Version of the process that reported.';
comment on column solver.shard.clock_difference is
  'Seconds by which the worker''s clock is ahead of this one at least; negative when it is behind.';
comment on column solver.shard.retired_at is
  'When its place was taken: by the children of a split, or by another database with the same key.';
comment on column solver.shard.wal_position is
  'How far the WAL of the worker''s server was at its last look. When it is not so far any more, the server was '
  'rolled back.';
comment on column solver.shard.last_turn_id is
  'The highest turn that the worker database knows; last_turn_started_at, _phase and _subphase say more about it.';
comment on column solver.shard.answered_step_back_id is
  'The solver.step_back which the worker knew of when it reported last.';
