-- What is read of the old database. Columns that a release does not have stay null.

create temporary table old_needed_worker_account (
  creditor_id bigint,
  debtor_id bigint,
  configured_at timestamptz
) on commit drop;

create temporary table old_worker_account (
  creditor_id bigint,
  debtor_id bigint,
  creation_date date,
  last_change_ts timestamptz,
  last_change_seqnum integer,
  principal bigint,
  interest float8,
  interest_rate float4,
  last_interest_rate_change_ts timestamptz,
  config_flags integer,
  account_id text collate "C",
  debtor_info_iri text collate "C",
  last_transfer_number bigint,
  last_transfer_committed_at timestamptz,
  demurrage_rate float8,
  commit_period integer,
  transfer_note_max_bytes integer,
  last_heartbeat_ts timestamptz
) on commit drop;

create temporary table old_interest_rate_change (
  creditor_id bigint,
  debtor_id bigint,
  change_ts timestamptz,
  interest_rate float4
) on commit drop;

create temporary table old_recently_needed_collector (
  debtor_id bigint,
  needed_at timestamptz
) on commit drop;

create temporary table old_debtor_info_document (
  debtor_info_locator text collate "C",
  debtor_id bigint,
  peg_debtor_info_locator text collate "C",
  peg_debtor_id bigint,
  peg_exchange_rate float8,
  will_not_change_until timestamptz,
  fetched_at timestamptz
) on commit drop;

create temporary table old_debtor_locator_claim (
  debtor_id bigint,
  debtor_info_locator text collate "C",
  latest_locator_fetch_at timestamptz,
  latest_discovery_fetch_at timestamptz,
  forced_locator_refetch_at timestamptz
) on commit drop;

create temporary table old_debtor_info_fetch (
  iri text collate "C",
  debtor_id bigint,
  is_locator_fetch boolean,
  is_discovery_fetch boolean,
  forced_iri text collate "C",
  recursion_level smallint,
  inserted_at timestamptz,
  attempts_count smallint,
  latest_attempt_at timestamptz,
  latest_attempt_errorcode smallint,
  next_attempt_at timestamptz
) on commit drop;

create temporary table old_trading_policy (
  creditor_id bigint,
  debtor_id bigint,
  latest_ledger_update_id bigint,
  latest_ledger_update_ts timestamptz,
  account_id text collate "C",
  account_id_is_obsolete boolean,
  creation_date date,
  principal bigint,
  last_transfer_number bigint,
  latest_policy_update_id bigint,
  latest_policy_update_ts timestamptz,
  policy_name text collate "C",
  min_principal bigint,
  max_principal bigint,
  peg_debtor_id bigint,
  peg_exchange_rate float8,
  latest_flags_update_id bigint,
  latest_flags_update_ts timestamptz,
  config_flags integer
) on commit drop;

create temporary table old_worker_turn (
  turn_id integer,
  started_at timestamptz,
  base_debtor_info_locator text collate "C",
  base_debtor_id bigint,
  max_distance_to_base smallint,
  min_trade_amount bigint,
  phase smallint,
  collection_started_at timestamptz,
  collection_deadline timestamptz
) on commit drop;

create temporary table old_account_lock (
  creditor_id bigint,
  debtor_id bigint,
  turn_id integer,
  collector_id bigint,
  initiated_at timestamptz,
  coordinator_request_id bigint,
  amount bigint,
  transfer_id bigint,
  finalized_at timestamptz,
  released_at timestamptz,
  account_creation_date date,
  account_last_transfer_number bigint,
  has_been_revised boolean
) on commit drop;

create temporary table old_creditor_participation (
  creditor_id bigint,
  debtor_id bigint,
  turn_id integer,
  amount bigint,
  collector_id bigint
) on commit drop;

create temporary table old_dispatching_status (
  collector_id bigint,
  turn_id integer,
  debtor_id bigint,
  inserted_at timestamptz,
  amount_to_collect bigint,
  amount_to_send bigint,
  amount_to_receive bigint,
  number_to_receive integer,
  amount_to_dispatch bigint,
  total_collected_amount bigint,
  total_received_amount bigint,
  started_sending boolean,
  all_sent boolean,
  all_received boolean,
  started_dispatching boolean
) on commit drop;

create temporary table old_worker_collecting (
  collector_id bigint,
  turn_id integer,
  debtor_id bigint,
  creditor_id bigint,
  amount bigint,
  collected boolean,
  purge_after timestamptz
) on commit drop;

create temporary table old_worker_sending (
  from_collector_id bigint,
  turn_id integer,
  debtor_id bigint,
  to_collector_id bigint,
  amount bigint,
  purge_after timestamptz
) on commit drop;

create temporary table old_worker_receiving (
  to_collector_id bigint,
  turn_id integer,
  debtor_id bigint,
  from_collector_id bigint,
  expected_amount bigint,
  received_amount bigint,
  purge_after timestamptz
) on commit drop;

create temporary table old_worker_dispatching (
  collector_id bigint,
  turn_id integer,
  debtor_id bigint,
  creditor_id bigint,
  amount bigint,
  purge_after timestamptz
) on commit drop;

create temporary table old_transfer_attempt (
  collector_id bigint,
  turn_id integer,
  debtor_id bigint,
  creditor_id bigint,
  is_dispatching boolean,
  transfer_kind smallint,
  nominal_amount float8,
  collection_started_at timestamptz,
  inserted_at timestamptz,
  recipient text collate "C",
  recipient_version bigint,
  rescheduled_for timestamptz,
  attempted_at timestamptz,
  coordinator_request_id bigint,
  final_interest_rate_ts timestamptz,
  amount bigint,
  transfer_id bigint,
  finalized_at timestamptz,
  failure_code smallint,
  backoff_counter smallint,
  fatal_error text collate "C"
) on commit drop;

create temporary table old_delayed_account_transfer (
  turn_id integer,
  creditor_id bigint,
  debtor_id bigint,
  acquired_amount bigint,
  transfer_note_format text collate "C",
  transfer_note text collate "C"
) on commit drop;

-- The solver's, which are not those of the old worker: collectors of all shards, and all turns.

create temporary table solver_collector (
  debtor_id bigint,
  collector_id bigint,
  status smallint
) on commit drop;

create temporary table solver_turn (
  turn_id integer,
  collection_started_at timestamptz,
  collection_deadline timestamptz
) on commit drop;
