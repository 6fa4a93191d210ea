-- What a bulk step of a turn reads from the solver database. UNLOGGED: a crash empties the rows and their stamp
-- together,
-- so they are loaded again; a lane step refuses to run without the stamp.

create unlogged table worker.staging_stamp (
  turn_id integer not null,
  phase smallint not null,
  row_count bigint not null check (row_count >= 0),
  primary key (turn_id, phase)
);

comment on table worker.staging_stamp is
  'Says that the staged rows of a turn''s phase are all there, and how many they are.';

create unlogged table worker.staged_currency (
  turn_id integer not null,
  debtor_info_locator text collate "C" not null,
  debtor_id bigint not null,
  peg_debtor_info_locator text collate "C",
  peg_debtor_id bigint,
  peg_exchange_rate float8,
  is_confirmed boolean not null,
  primary key (turn_id, debtor_info_locator)
);

create index staged_currency_peg_idx on worker.staged_currency (peg_debtor_info_locator, turn_id);

comment on table worker.staged_currency is 'currency_info of the solver database, for step 2/0.';

create unlogged table worker.staged_price (
  turn_id integer not null,
  debtor_id bigint not null,
  price float8 not null check (price > 0 and price < 'infinity'),
  primary key (turn_id, debtor_id)
);

comment on table worker.staged_price is
  'Tradable currencies and their prices: base tokens per token. Made from staged_currency.';

create unlogged table worker.staged_alive_collector (
  turn_id integer not null,
  debtor_id bigint not null,
  primary key (turn_id, debtor_id)
);

comment on table worker.staged_alive_collector is
  'Currencies that have or will have a collector account, for step 2/0.';

create unlogged table worker.staged_participation (
  turn_id integer not null,
  creditor_id bigint not null,
  debtor_id bigint not null,
  amount bigint not null,
  collector_id bigint not null,
  key_hash integer not null generated always as (worker.hash32(creditor_id)) stored
);

comment on table worker.staged_participation is
  'creditor_taking (amount < 0) and creditor_giving (amount > 0) of the solver database, own realm, for step 3/0.';

create unlogged table worker.staged_collector_payment (
  turn_id integer not null,
  kind text collate "C" not null check (kind in ('collecting', 'sending', 'receiving', 'dispatching')),
  collector_id bigint not null,
  debtor_id bigint not null,
  other_id bigint not null,
  amount bigint not null,
  key_hash integer not null generated always as (worker.hash32(collector_id)) stored
);

comment on table worker.staged_collector_payment is
  'The four collector tables of the solver database, own realm, for step 3/0. collector_id is the own side, '
  'other_id the other one.';
