-- What is known of currencies, and the HTTP requests to learn it.

create table worker.debtor_info_document (
  debtor_info_locator text collate "C" primary key check (length(debtor_info_locator) between 1 and 200),
  debtor_id bigint not null,
  peg_debtor_info_locator text collate "C",
  peg_debtor_id bigint,
  peg_exchange_rate float8 check (peg_exchange_rate >= 0),
  will_not_change_until timestamptz,
  fetched_at timestamptz not null,
  name text collate "C" check (length(name) between 1 and 40),
  abbreviation text collate "C" check (length(abbreviation) between 1 and 40),
  key_hash integer not null generated always as (worker.hash32(debtor_info_locator)) stored,
  check (num_nulls(peg_debtor_info_locator, peg_debtor_id, peg_exchange_rate) in (0, 3))
);

comment on table worker.debtor_info_document is 'Parsed debtor info documents. Key: the locator.';
comment on column worker.debtor_info_document.peg_exchange_rate is
  'One token is worth this many tokens of the peg currency.';
comment on column worker.debtor_info_document.name is
  'What the currency calls itself, for people only: others may have the same name. So is its abbreviation.';

create table worker.debtor_locator_claim (
  debtor_id bigint primary key,
  debtor_info_locator text collate "C" check (length(debtor_info_locator) between 1 and 200),
  latest_locator_fetch_at timestamptz,
  latest_discovery_fetch_at timestamptz not null,
  forced_locator_refetch_at timestamptz,
  latest_confirmation_ts timestamptz,
  key_hash integer not null generated always as (worker.hash32(debtor_id)) stored,
  check ((debtor_info_locator is null) = (latest_locator_fetch_at is null))
);

create index debtor_locator_claim_located_idx on worker.debtor_locator_claim (latest_locator_fetch_at)
where latest_locator_fetch_at is not null;

comment on table worker.debtor_locator_claim is
  'Where the official document of a debtor lives, learnt from an address its own authority reported.';
comment on column worker.debtor_locator_claim.latest_confirmation_ts is
  'ts of the newest ConfirmDebtor; older ones are ignored.';

create table worker.debtor_info_fetch (
  iri text collate "C" not null check (length(iri) between 1 and 200),
  debtor_id bigint not null,
  is_locator_fetch boolean not null default false,
  is_discovery_fetch boolean not null default false,
  is_past_cache boolean not null default false,
  forced_iri text collate "C" check (length(forced_iri) between 1 and 200),
  recursion_level smallint not null default 0 check (recursion_level >= 0),
  scheduled_at timestamptz not null,
  attempts_count smallint not null default 0 check (attempts_count >= 0),
  latest_attempt_at timestamptz,
  latest_attempt_errorcode smallint,
  next_attempt_at timestamptz not null,
  leased_url text collate "C",
  looks_for_move boolean not null generated always as (forced_iri is not null) stored,
  key_hash integer not null generated always as (worker.hash32(iri)) stored,
  primary key (iri, debtor_id, looks_for_move),
  check (not looks_for_move or not (is_locator_fetch or is_discovery_fetch or is_past_cache)),
  check (
    case
      when attempts_count = 0 then latest_attempt_at is null and latest_attempt_errorcode is null
      else latest_attempt_at is not null
    end
  )
);

create index debtor_info_fetch_due_idx on worker.debtor_info_fetch (next_attempt_at);
create index debtor_info_fetch_scheduled_idx on worker.debtor_info_fetch (scheduled_at);

comment on table worker.debtor_info_fetch is
  'Scheduled HTTP requests. Key: iri. A leased row has its next_attempt_at moved into the future.';
comment on column worker.debtor_info_fetch.is_past_cache is
  'What is stored does not do: the server of iri has to be asked.';
comment on column worker.debtor_info_fetch.forced_iri is
  'Read this instead of iri, only to learn whether the debtor has moved. What is read here is never stored.';
comment on column worker.debtor_info_fetch.scheduled_at is
  'When next_attempt_at was chosen. A moment in the future means that our clock ran ahead: such a row is due.';
comment on column worker.debtor_info_fetch.leased_url is
  'What the fetcher was told to read last. If the row wants something else by then, the result is of no use.';
comment on column worker.debtor_info_fetch.looks_for_move is
  'Beside the fetch of a locator there may be one more, which looks elsewhere whether the debtor has moved.';
