comment on schema worker is 'A shard of the circular trade service: all of its state and all of its decisions.';

create table worker.configuration (
  only_row boolean primary key default true check (only_row),
  lane_count integer not null default 8 check (lane_count between 1 and 64 and (lane_count & (lane_count - 1)) = 0),
  binding_key text collate "C" not null default '#' check (binding_key ~ '^([01]\.){0,16}#$'),
  realm_mask integer not null default 0,
  realm integer not null default 0,
  parent_realm_mask integer not null default 0,
  parent_realm integer not null default 0,
  local_delivery boolean not null default true,
  delete_parent_shard_records boolean not null default false,
  min_collector_id bigint not null default 1099511627776,
  max_collector_id bigint not null default 1099511629823,
  max_distance_to_base integer not null default 10 check (max_distance_to_base between 1 and 32767),
  healthy_max_commit_delay interval not null default '2 hours',
  amount_cut float8 not null default 1e-5 check (amount_cut between 1e-10 and 0.1),
  min_demurrage_rate float8 not null default -50 check (min_demurrage_rate > -100 and min_demurrage_rate <= 0),
  min_transfer_note_max_bytes integer not null default 80,
  turn_max_commit_period interval not null default '30 days',
  turn_phase_cushion interval not null default '5 minutes',
  offers_pouring interval check (offers_pouring > '0'),
  default_collector_count integer not null default 1 check (default_collector_count between 1 and 500),
  interest_rate_history_period interval not null default '180 days',
  locator_claim_expiry interval not null default '45 days',
  debtor_info_expiry interval not null default '7 days',
  extreme_message_delay interval not null default '7 days',
  max_heartbeat_delay interval not null default '365 days',
  account_lock_max_age interval not null default '365 days',
  released_account_lock_max_age interval not null default '30 days',
  collecting_slack interval not null default '60 days',
  sending_slack interval not null default '150 days',
  dispatching_slack interval not null default '180 days',
  check (min_collector_id <= max_collector_id and sign(min_collector_id) = sign(max_collector_id)),
  check ((realm & realm_mask) = realm and (parent_realm & parent_realm_mask) = parent_realm)
);

comment on table worker.configuration is
  'The settings that functions need, one row. Every daemon writes its environment here when it starts, except '
  'lane_count, '
  'which belongs to the database: two processes that disagree would put one key into two lanes.';
comment on column worker.configuration.realm_mask is 'The leading bits of a key hash that decide its shard.';
comment on column worker.configuration.min_demurrage_rate is 'Worst accepted demurrage rate, percent per year.';
comment on column worker.configuration.amount_cut is 'Share of every outgoing payment that collectors keep back.';

insert into worker.configuration default values;

create table worker.set_aside (
  set_aside_id bigint primary key generated always as identity,
  queue text collate "C" not null,
  message_type text collate "C",
  body jsonb not null,
  sqlstate text collate "C" not null,
  error text collate "C" not null,
  failures integer not null check (failures > 0),
  set_aside_at timestamptz not null
);

comment on table worker.set_aside is
  'Messages that could not be applied, with the reason. Nothing is dropped: an operator replays or discards them.';
comment on column worker.set_aside.failures is 'How often the message has failed, before it was replayed included.';

create table worker.set_aside_decision (
  set_aside_id bigint primary key,
  is_replay boolean not null,
  decided_by text collate "C" not null,
  decided_at timestamptz not null,
  queue text collate "C" not null,
  message_type text collate "C",
  body jsonb not null,
  sqlstate text collate "C" not null,
  error text collate "C" not null,
  failures integer not null check (failures > 0),
  set_aside_at timestamptz not null
);

create index set_aside_decision_decided_at_idx on worker.set_aside_decision (decided_at);
create index set_aside_decision_replay_idx on worker.set_aside_decision using hash (body) where is_replay;

comment on table worker.set_aside_decision is
  'Messages that had been set aside until somebody replayed or discarded them: who, when, and what they were. '
  'Kept for a year.';

create table worker.unroutable_message (
  unroutable_id bigint primary key generated always as identity,
  message_type text collate "C" not null,
  message jsonb not null,
  parked_at timestamptz not null
);

comment on table worker.unroutable_message is
  'Outgoing messages that no queue of the broker wanted. They are offered again later and hold up no other message.';
