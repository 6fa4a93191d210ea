-- What is read of the old database. Columns that a release does not have stay null.

create temporary table old_collector_account (
  debtor_id bigint,
  collector_id bigint,
  account_id text collate "C",
  status smallint,
  latest_status_change_at timestamptz
) on commit drop;

create temporary table old_turn (
  turn_id integer,
  started_at timestamptz,
  base_debtor_info_locator text collate "C",
  base_debtor_id bigint,
  max_distance_to_base smallint,
  min_trade_amount bigint,
  phase smallint,
  phase_deadline timestamptz,
  collection_started_at timestamptz,
  collection_deadline timestamptz
) on commit drop;
