create table solver.fetched_result (
  turn_id integer not null,
  kind text collate "C" not null
  check (kind in ('taking', 'giving', 'collecting', 'sending', 'receiving', 'dispatching')),
  owner_hash smallint not null,
  owner_id bigint not null,
  debtor_id bigint not null,
  other_id bigint not null,
  amount bigint not null check (amount > 0)
);

create index fetched_result_hash_idx on solver.fetched_result (turn_id, owner_hash);

comment on table solver.fetched_result is
  'What shards have taken over and deleted, of the last two turns that reached phase 3: a shard whose database loses '
  'it takes it over once more.';
comment on column solver.fetched_result.owner_id is
  'The account of the shard: of a trader (taking, giving), or of a collector (collecting, sending, receiving, '
  'dispatching). owner_hash is its 16-bit hash.';
comment on column solver.fetched_result.other_id is 'The other side of the payment.';
