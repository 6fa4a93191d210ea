create or replace function worker.may_have_come(p_turn_id integer, p_collector_id bigint, p_debtor_id bigint)
  returns boolean
  language sql
  stable
begin atomic
  select p_turn_id <= worker.doubtful_turns()
    and exists (
      select
      from worker.worker_account as a
      where a.creditor_id = p_collector_id
        and a.debtor_id = p_debtor_id
        and a.seen_transfer_number < a.last_transfer_number
    );
end;

comment on function worker.may_have_come is
  'Whether a collector may have got payments of the turn that this database has forgotten: it stepped back, and more '
  'has moved on the account than was told to it. Null: nothing is in doubt. Called by list_expected_payments, and '
  'before the scans give up what never came.';
