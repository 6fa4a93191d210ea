-- What the solver arranged. Workers copy their own rows in phase 3 and delete them when done; the turn ends when all
-- are empty.

create table solver.creditor_taking (
  turn_id integer not null,
  creditor_id bigint not null,
  debtor_id bigint not null,
  creditor_hash smallint not null generated always as (solver.hash16(creditor_id)) stored,
  amount bigint not null check (amount > 0),
  collector_id bigint not null,
  primary key (turn_id, creditor_id, debtor_id)
);

create index creditor_taking_hash_idx on solver.creditor_taking (turn_id, creditor_hash);
comment on table solver.creditor_taking is 'Tokens taken from a seller, for the seller''s shard.';

create table solver.creditor_giving (
  turn_id integer not null,
  creditor_id bigint not null,
  debtor_id bigint not null,
  creditor_hash smallint not null generated always as (solver.hash16(creditor_id)) stored,
  amount bigint not null check (amount > 0),
  collector_id bigint not null,
  primary key (turn_id, creditor_id, debtor_id)
);

create index creditor_giving_hash_idx on solver.creditor_giving (turn_id, creditor_hash);
comment on table solver.creditor_giving is 'Tokens given to a buyer, for the buyer''s shard.';

create table solver.collector_collecting (
  turn_id integer not null,
  debtor_id bigint not null,
  creditor_id bigint not null,
  amount bigint not null check (amount > 0),
  collector_id bigint not null,
  collector_hash smallint not null generated always as (solver.hash16(collector_id)) stored,
  primary key (turn_id, debtor_id, creditor_id)
);

create index collector_collecting_hash_idx on solver.collector_collecting (turn_id, collector_hash);
comment on table solver.collector_collecting is
  'Tokens that a collector gets from a seller, for the collector''s shard.';

create table solver.collector_dispatching (
  turn_id integer not null,
  debtor_id bigint not null,
  creditor_id bigint not null,
  amount bigint not null check (amount > 0),
  collector_id bigint not null,
  collector_hash smallint not null generated always as (solver.hash16(collector_id)) stored,
  primary key (turn_id, debtor_id, creditor_id)
);

create index collector_dispatching_hash_idx on solver.collector_dispatching (turn_id, collector_hash);
comment on table solver.collector_dispatching is 'Tokens that a collector pays to a buyer, for the collector''s shard.';

create table solver.collector_sending (
  turn_id integer not null,
  debtor_id bigint not null,
  from_collector_id bigint not null,
  to_collector_id bigint not null,
  from_collector_hash smallint not null generated always as (solver.hash16(from_collector_id)) stored,
  amount bigint not null check (amount > 0),
  primary key (turn_id, debtor_id, from_collector_id, to_collector_id),
  check (from_collector_id <> to_collector_id)
);

create index collector_sending_hash_idx on solver.collector_sending (turn_id, from_collector_hash);
comment on table solver.collector_sending is
  'Tokens that a collector pays to another collector, for the payer''s shard.';

create table solver.collector_receiving (
  turn_id integer not null,
  debtor_id bigint not null,
  to_collector_id bigint not null,
  from_collector_id bigint not null,
  to_collector_hash smallint not null generated always as (solver.hash16(to_collector_id)) stored,
  amount bigint not null check (amount > 0),
  primary key (turn_id, debtor_id, to_collector_id, from_collector_id),
  check (from_collector_id <> to_collector_id)
);

create index collector_receiving_hash_idx on solver.collector_receiving (turn_id, to_collector_hash);
comment on table solver.collector_receiving is
  'Tokens that a collector gets from another collector, for the receiver''s shard.';

create table solver.transfer_statistic (
  turn_id integer not null references solver.turn on delete cascade,
  debtor_id bigint not null,
  takings bigint not null,
  taken_amount bigint not null,
  givings bigint not null,
  given_amount bigint not null,
  collector_transfers bigint not null,
  sent_amount bigint not null,
  collectors bigint not null,
  primary key (turn_id, debtor_id)
);

comment on table solver.transfer_statistic is
  'How many transfers a turn arranged in each currency, and of how many tokens. Lives as long as the turn.';
comment on column solver.transfer_statistic.collector_transfers is
  'Transfers from one collector to another; their tokens are sent_amount.';
comment on column solver.transfer_statistic.collectors is 'Collectors that take part in any of the transfers.';

create table solver.most_bought_currency (
  debtor_id bigint primary key,
  buyers_average_count real not null check (buyers_average_count >= 0),
  debtor_info_locator text collate "C" not null
);

comment on table solver.most_bought_currency is
  'The currencies that were paid to the most buyers in the last turns, which may be of use to other services.';
comment on column solver.most_bought_currency.buyers_average_count is
  'Buyers a turn: an average in which every turn counts a little less than the next one.';
