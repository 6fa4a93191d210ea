create table worker.worker_turn (
  turn_id integer primary key,
  started_at timestamptz not null,
  base_debtor_info_locator text collate "C" not null,
  base_debtor_id bigint not null check (base_debtor_id <> 0),
  max_distance_to_base smallint not null check (max_distance_to_base > 0),
  min_trade_amount bigint not null check (min_trade_amount > 0),
  phase smallint not null check (phase between 1 and 3),
  phase_deadline timestamptz,
  collection_started_at timestamptz,
  collection_deadline timestamptz,
  worker_turn_subphase smallint not null default 0 check (worker_turn_subphase between 0 and 10),
  is_lost boolean not null default false,
  check (not is_lost or phase = 3 and worker_turn_subphase = 10),
  check (phase = 3 or phase_deadline is not null),
  check (phase < 3 or phase_deadline is null),
  check (phase < 3 or collection_started_at is not null),
  check (phase < 2 or collection_deadline is not null)
);

create index worker_turn_open_phase_idx on worker.worker_turn (phase) where phase < 3;
create index worker_turn_open_subphase_idx on worker.worker_turn (worker_turn_subphase) where worker_turn_subphase < 10;

comment on table worker.worker_turn is
  'This shard''s copy of the solver''s turns and how far it got in each. A full copy, not sharded.';
comment on column worker.worker_turn.is_lost is
  'Whether the solver does not know the turn any more, or closed it, before this shard had taken over its result.';

create table worker.solver_life (
  only_row boolean primary key default true check (only_row),
  beat bigint not null check (beat >= 0)
);

comment on table worker.solver_life is
  'The highest beat of the solver''s database that this shard has seen, in one row. When that database shows a lower '
  'one, it has stepped back in time.';

create table worker.worker_turn_lane (
  turn_id integer not null references worker.worker_turn on delete cascade,
  phase smallint not null,
  subphase smallint not null,
  lane integer not null check (lane >= 0),
  primary key (turn_id, phase, subphase, lane)
);

comment on table worker.worker_turn_lane is
  'Lanes that finished a bulk step. Commits with the lane''s work, so a repeated step never does a lane twice.';

create table worker.turn_needed_currency (
  turn_id integer not null references worker.worker_turn on delete cascade,
  debtor_id bigint not null check (debtor_id <> 0),
  primary key (turn_id, debtor_id)
);

comment on table worker.turn_needed_currency is
  'Currencies that somebody wants to sell but that are not tradable, gathered over the lanes of step 2/0.';

create table worker.active_collector (
  debtor_id bigint not null,
  collector_id bigint not null,
  account_id text collate "C" not null check (account_id <> ''),
  primary key (debtor_id, collector_id)
);

comment on table worker.active_collector is
  'Collector accounts that can be paid, of all shards. Rewritten as a whole in phase 2.';
