create table worker.identity (
  only_row boolean primary key default true check (only_row),
  installation_id uuid not null,
  binding_key text collate "C" not null check (binding_key ~ '^([01]\.){0,16}#$'),
  lane_count integer not null check (lane_count > 0),
  min_collector_id bigint,
  max_collector_id bigint,
  bound_at timestamptz not null,
  empty_accepted_at timestamptz,
  check ((min_collector_id is null) = (max_collector_id is null) and min_collector_id <= max_collector_id)
);

comment on table worker.identity is
  'What this database is, one row that `configure` writes: which installation and which shard it belongs to. Every '
  'process compares its settings with it when it starts. Empty: not bound yet.';
comment on column worker.identity.installation_id is 'The ID in solver.installation of the solver''s database.';
comment on column worker.identity.lane_count is 'The number of lanes when the database was bound. It must not change.';
comment on column worker.identity.min_collector_id is
  'The lowest ID of collectors. Null until a process had both limits in its environment.';
comment on column worker.identity.empty_accepted_at is
  'When an operator said that this database, although new, has no collectors to know of.';
comment on column worker.identity.bound_at is 'When installation or key changed last: by configure, or by a split.';

create table worker.shard_split (
  only_row boolean primary key default true check (only_row),
  parent_key text collate "C" not null check (parent_key ~ '^([01]\.){0,16}#$'),
  started_at timestamptz not null,
  sealed_at timestamptz,
  check (sealed_at >= started_at)
);

comment on table worker.shard_split is
  'The latest split of the shard, one row at most, which `split_shard` writes. Copies of the database, such as '
  'standbys, get it with everything that was committed before: so it shows what is in them.';
comment on column worker.shard_split.parent_key is
  'The binding key that the database has, or had, when it was split. The children''s databases keep the row.';
comment on column worker.shard_split.started_at is 'When the split began. A standby that has this follows the parent.';
comment on column worker.shard_split.sealed_at is
  'Since when no process may work with the parent''s key; null: they may. A copy that has this has everything.';
