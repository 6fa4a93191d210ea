create table worker.identity (
  only_row boolean primary key default true check (only_row),
  installation_id uuid not null,
  binding_key text not null check (binding_key ~ '^([01]\.){0,16}#$'),
  lane_count integer not null check (lane_count > 0),
  min_collector_id bigint,
  max_collector_id bigint,
  bound_at timestamptz not null,
  check ((min_collector_id is null) = (max_collector_id is null) and min_collector_id <= max_collector_id)
);

comment on table worker.identity is
  'What this database is, one row that `configure` writes: which installation and which shard it belongs to. Every '
  'process compares its settings with it when it starts. Empty: not bound yet.';
comment on column worker.identity.installation_id is 'The ID in solver.installation of the solver''s database.';
comment on column worker.identity.lane_count is 'The number of lanes when the database was bound. It must not change.';
comment on column worker.identity.min_collector_id is
  'The lowest ID of collectors. Null until a process had both limits in its environment.';
comment on column worker.identity.bound_at is 'When installation or key changed last: by configure, or by a split.';
