create table solver.sell_offer (
  turn_id integer not null,
  creditor_id bigint not null,
  debtor_id bigint not null,
  amount bigint not null check (amount > 0),
  collector_id bigint not null,
  primary key (turn_id, creditor_id, debtor_id)
);

comment on table solver.sell_offer is
  'Tokens that are locked and may be taken from an account, written by workers late in phase 2.';

create table solver.buy_offer (
  turn_id integer not null,
  creditor_id bigint not null,
  debtor_id bigint not null,
  amount bigint not null check (amount > 0),
  primary key (turn_id, creditor_id, debtor_id)
);

comment on table solver.buy_offer is 'Tokens that may be given to an account, written by workers late in phase 2.';
