create table solver.installation (
  only_row boolean primary key default true check (only_row),
  installation_id uuid not null,
  made_at timestamptz not null
);

comment on table solver.installation is
  'What tells this installation from others, one row that the first `configure` makes. Worker databases are bound to '
  'it.';

create table solver.shard (
  binding_key text not null check (binding_key ~ '^([01]\.){0,16}#$'),
  system_identifier bigint not null,
  timeline_id integer not null,
  database_id bigint not null,
  release text not null,
  min_collector_id bigint not null,
  max_collector_id bigint not null,
  clock_difference float8 not null,
  first_seen_at timestamptz not null,
  last_seen_at timestamptz not null,
  retired_at timestamptz,
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
